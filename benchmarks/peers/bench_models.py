"""Encoders of published size in transformers on the CPU, fp32, two threads: one JSON line a measurement. See README.md."""
import torch
from transformers import IJepaConfig, IJepaModel, VJEPA2Config, VJEPA2Model

from bench_lewm import emit

torch.set_grad_enabled(False)


def main():
    model = IJepaModel(IJepaConfig(hidden_size=1280, num_hidden_layers=32, num_attention_heads=16, intermediate_size=5120, patch_size=14)).eval()
    picture = torch.randn(1, 3, 224, 224)
    emit("I-JEPA ViT-H/14, one 224 px picture", lambda: model(pixel_values=picture), 5, 2)
    del model
    model = VJEPA2Model(VJEPA2Config()).eval()
    for frames in (2, 16):
        clip = torch.randn(1, frames, 3, 256, 256)
        emit(f"V-JEPA 2 ViT-L, {frames} frames of 256 px", lambda: model(pixel_values_videos=clip, skip_predictor=True), 5 if frames == 2 else 3, 2)


if __name__ == "__main__":
    main()
