"""Writes pictures.safetensors beside this file: what torchvision and Pillow make of pictures that both sides draw by the same rule.

Small results are stored whole, large ones as their SHA-256.
"""
import hashlib
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F
from transformers import ViTImageProcessor, VJEPA2VideoProcessor

HERE = Path(__file__).resolve().parent
SMALL = 6_000
tensors, config = {}, {"resize": [], "preprocess": [], "normalize": []}


def picture(width, height, smooth=False):
    """[H, W, 3]; PictureRule.cs draws the same. The noise is a hash of x, y and c."""
    y, x, c = np.meshgrid(np.arange(height, dtype=np.uint32), np.arange(width, dtype=np.uint32), np.arange(3, dtype=np.uint32), indexing="ij")
    if smooth:
        return ((x * 3 + y * 2 + c * 40) & 255).astype(np.uint8)
    h = x * np.uint32(2654435761) ^ y * np.uint32(2246822519) ^ (c + 1) * np.uint32(3266489917)
    h = (h ^ (h >> 15)) * np.uint32(2246822519)
    h = (h ^ (h >> 13)) * np.uint32(3266489917)
    return (h >> 24).astype(np.uint8)


def chw(pixels):
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def store(kind, name, pixels, **facts):
    """pixels: [H, W, 3] uint8 or [3, H, W] float32."""
    bytes_ = pixels.tobytes()
    if len(bytes_) <= SMALL:
        tensors[f"{kind}.{name}"] = torch.from_numpy(pixels.copy())
    config[kind].append({"name": name, **facts, "sha256": hashlib.sha256(bytes_).hexdigest()})


# Resize -------------------------------------------------------------------------------------------------------------

SIZES = [(40, 30, 20, 15), (40, 30, 13, 11), (37, 53, 16, 16), (16, 16, 37, 29), (5, 7, 31, 40), (33, 20, 33, 11), (33, 20, 12, 20), (33, 20, 33, 20),
         (61, 47, 1, 1), (61, 47, 1, 30), (61, 47, 30, 1), (1, 1, 9, 8), (1, 50, 8, 8), (50, 1, 8, 8), (2, 2, 3, 3), (1000, 3, 5, 40), (3, 1000, 40, 5),
         (65_535, 2, 1, 1), (2, 65_535, 3, 1), (255, 257, 224, 224), (640, 480, 389, 292), (1280, 720, 519, 292), (720, 1280, 292, 519),
         (1280, 720, 778, 438), (101, 99, 224, 224), (256, 256, 255, 257), (320, 180, 455, 256), (97, 89, 96, 88), (17, 19, 400, 300)]
MODES = {"bilinear": v2.InterpolationMode.BILINEAR, "bicubic": v2.InterpolationMode.BICUBIC}

def resized(pixels, size, mode):
    image = chw(pixels)
    try:
        result = F.resize(image, size, mode, antialias=True)
    except RuntimeError as error:
        # PyTorch 2.14 asserts wrongly for one pixel, in or out; six channels take its other path, which must not be used for one column: wrong there.
        assert "INTERNAL ASSERT" in str(error)
        print(f"an internal assertion of PyTorch: {list(image.shape[1:])} to {size}")
        result = F.resize(torch.cat([image, image]), size, mode, antialias=True)[:3]
    return result.permute(1, 2, 0).contiguous().numpy()


for filter_, mode in MODES.items():
    differ = []
    for width, height, to_width, to_height in SIZES:
        for smooth in (False, True):
            pixels = picture(width, height, smooth)
            result = resized(pixels, [to_height, to_width], mode)
            pil = np.asarray(Image.fromarray(pixels).resize((to_width, to_height), getattr(Image.Resampling, filter_.upper())))
            differ.append(float((pil != result).mean()))
            store("resize", f"{filter_}.{width}x{height}.{to_width}x{to_height}.{'smooth' if smooth else 'noise'}", result, filter=filter_, smooth=smooth,
                  input=[width, height], output=[to_width, to_height])
            assert np.abs(pil.astype(int) - result).max() <= 2 or max(width, height) > 1000
    print(f"{filter_}: Pillow's resize differs in {np.mean(differ):.1%} of the bytes, at most {max(differ):.1%} of a picture's")

# Preprocess ---------------------------------------------------------------------------------------------------------

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def short_side_then_crop(size):
    return v2.Compose([v2.Resize(int(size * 256 / 224), antialias=True), v2.CenterCrop(size)])


def square_then_resize(size):
    def apply(image):
        _, height, width = image.shape
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return F.resize(image[:, top:top + side, left:left + side], [size, size], antialias=True)
    return apply


def stretch(size):
    return v2.Resize([size, size], antialias=True)


FAMILIES = {"VJepa": (short_side_then_crop, 256), "VJepa384": (short_side_then_crop, 384), "VJepa2Ac": (square_then_resize, 256),
            "IJepa": (stretch, 224), "IJepa448": (stretch, 448), "IJepaTrained": (short_side_then_crop, 224), "LeWorldModel": (stretch, 224)}
for family, (make, size) in FAMILIES.items():
    for width, height in [(320, 180), (101, 203), (640, 481), (481, 640), (300, 300), (7, 90), (256, 256)]:
        image = chw(picture(width, height, True) // 2 + picture(width, height) // 2)
        result = make(size)(image)
        store("preprocess", f"{family}.{width}x{height}", result.permute(1, 2, 0).contiguous().numpy(), family=family, size=size, input=[width, height])

# The processors of transformers agree; their crop differs where the picture has an odd number of pixels beyond it.
for width, height in [(300, 200), (300, 300), (256, 512)]:
    image = chw(picture(width, height))
    video = VJEPA2VideoProcessor(crop_size=256)(image[None], return_tensors="pt", do_normalize=False, do_rescale=False)["pixel_values_videos"][0, 0]
    assert torch.equal(video.to(torch.uint8), short_side_then_crop(256)(image)), (width, height)
    still = ViTImageProcessor()(image, return_tensors="pt", do_normalize=False, do_rescale=False)["pixel_values"][0]
    assert torch.equal(still.to(torch.uint8), stretch(224)(image)), (width, height)

for name, (mean, std) in {"imagenet": IMAGENET, "half": ([0.5] * 3, [0.5] * 3)}.items():
    every = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    # ToTensor divides by 255.
    result = F.normalize(chw(every).to(torch.float32).div(255), mean, std)
    store("normalize", name, result.numpy(), mean=mean, std=std)

# PNG ----------------------------------------------------------------------------------------------------------------

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_row(samples, depth):
    if depth == 16:
        return samples.astype(">u2").tobytes()
    if depth == 8:
        return samples.astype(np.uint8).tobytes()
    bits = (samples.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).ravel()).tobytes()


def filtered(row, above, step, kind):
    out = bytearray()
    for i, value in enumerate(row):
        a, b, c = (row[i - step] if i >= step else 0), above[i], (above[i - step] if i >= step else 0)
        p = a + b - c
        guess = (0, a, b, (a + b) // 2, min((a, b, c), key=lambda v: abs(p - v)))[kind]
        out.append((value - guess) & 255)
    return bytes([kind]) + bytes(out)


def png(width, height, depth, colour, interlace, extra=b"", parts=1):
    generator = np.random.default_rng([width, height, depth, colour, interlace])
    channels, step = CHANNELS[colour], max(1, CHANNELS[colour] * depth // 8)
    samples = generator.integers(0, 1 << depth, (height, width, channels))
    # 16-bit grey that Pillow does not clip, too.
    if depth == 16:
        samples[::2] &= 255
    raw, kind = b"", 0
    for left, top, step_x, step_y in (ADAM7 if interlace else [(0, 0, 1, 1)]):
        some = samples[top::step_y, left::step_x]
        if some.size == 0:
            continue
        above = bytes(len(packed_row(some[0], depth)))
        for line in some:
            row = packed_row(line, depth)
            raw, above, kind = raw + filtered(row, above, step, kind % 5), row, kind + 1
    data, cut = zlib.compress(raw), 0
    cut = -(-len(data) // parts)
    body = b"".join(chunk(b"IDAT", data[i:i + cut]) for i in range(0, len(data), cut))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + body + chunk(b"IEND", b"")


def add_png(name, file):
    rgb = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    tensors[f"png.{name}.file"] = torch.from_numpy(np.frombuffer(file, np.uint8).copy())
    tensors[f"png.{name}.rgb"] = torch.from_numpy(rgb.copy())


for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
    for depth in depths:
        colours = np.random.default_rng(depth).integers(0, 256, 3 << depth).astype(np.uint8) if colour == 3 else None
        palette = chunk(b"PLTE", colours.tobytes()) if colour == 3 else b""
        for interlace in (0, 1):
            add_png(f"colour{colour}.depth{depth}.{'adam7' if interlace else 'plain'}", png(13, 11, depth, colour, interlace, palette))
short = chunk(b"PLTE", bytes(range(15)))
add_png("short_palette", png(13, 11, 8, 3, 0, short))
add_png("trns_palette", png(13, 11, 4, 3, 0, short + chunk(b"tRNS", b"\0\x80")))
add_png("trns_grey", png(13, 11, 8, 0, 0, chunk(b"tRNS", b"\0\5")))
add_png("trns_rgb", png(13, 11, 8, 2, 0, chunk(b"tRNS", b"\0\5\0\6\0\7")))
add_png("ancillary", png(13, 11, 8, 2, 1, chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tEXt", b"a\0b"), parts=7))
for width, height in [(1, 1), (1, 9), (9, 1), (2, 3), (4, 4), (5, 5)]:
    add_png(f"adam7.{width}x{height}", png(width, height, 8, 6, 1))

path = HERE / "pictures.safetensors"
save_file(tensors, path, {"config": json.dumps(config)})
print(f"{path.name}: {path.stat().st_size:,} bytes, {len(tensors)} tensors, {sum(map(len, config.values()))} results")
