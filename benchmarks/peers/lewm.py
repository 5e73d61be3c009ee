"""LeWorldModel (arXiv 2603.19312) in plain PyTorch, with the key names of the published state dicts.

The peer of the benchmarks and the source of the golden values. Run by itself it checks its sizes against the published
ones and its encoder against transformers' ViTModel.
"""
import math
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Config:
    """The defaults are the published model's."""
    image: int = 224
    patch: int = 14
    hidden: int = 192
    layers: int = 12
    heads: int = 3
    mlp: int = 768
    encoder_eps: float = 1e-12
    projector_hidden: int = 2048
    dim: int = 192
    action: int = 10
    action_smoothed: int = 10
    action_hidden: int = 768
    history: int = 3
    depth: int = 6
    predictor_heads: int = 16
    dim_head: int = 64
    predictor_mlp: int = 2048
    dropout: float = 0.1


PUBLISHED = Config()
DEMO = Config(image=56, hidden=96, layers=3, mlp=384, encoder_eps=1e-5, projector_hidden=256, dim=32, action_hidden=128,
              history=1, depth=2, predictor_heads=2, dim_head=16, predictor_mlp=256, dropout=0.0)


def split_heads(x, heads):
    """[B, T, heads * E] -> [B, heads, T, E]"""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


class PatchEmbeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.projection = nn.Conv2d(3, c.hidden, c.patch, c.patch)

    def forward(self, pixels):
        return self.projection(pixels).flatten(2).transpose(1, 2)


class Embeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c.hidden))
        self.position_embeddings = nn.Parameter(torch.zeros(1, (c.image // c.patch) ** 2 + 1, c.hidden))
        self.patch_embeddings = PatchEmbeddings(c)

    def forward(self, pixels):
        cls = self.cls_token.expand(len(pixels), -1, -1)
        return torch.cat((cls, self.patch_embeddings(pixels)), dim=1) + self.position_embeddings


class EncoderSelfAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.heads
        self.query, self.key, self.value = (nn.Linear(c.hidden, c.hidden) for _ in range(3))

    def forward(self, x):
        q, k, v = (split_heads(project(x), self.heads) for project in (self.query, self.key, self.value))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class Dense(nn.Module):
    def __init__(self, inner, outer):
        super().__init__()
        self.dense = nn.Linear(inner, outer)

    def forward(self, x):
        return self.dense(x)


class EncoderAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attention = EncoderSelfAttention(c)
        self.output = Dense(c.hidden, c.hidden)

    def forward(self, x):
        return self.output(self.attention(x))


class EncoderLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attention = EncoderAttention(c)
        self.intermediate = Dense(c.hidden, c.mlp)
        self.output = Dense(c.mlp, c.hidden)
        self.layernorm_before = nn.LayerNorm(c.hidden, eps=c.encoder_eps)
        self.layernorm_after = nn.LayerNorm(c.hidden, eps=c.encoder_eps)

    def forward(self, x):
        x = x + self.attention(self.layernorm_before(x))
        return x + self.output(F.gelu(self.intermediate(self.layernorm_after(x))))


class EncoderLayers(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.layer = nn.Sequential(*(EncoderLayer(c) for _ in range(c.layers)))

    def forward(self, x):
        return self.layer(x)


class Encoder(nn.Module):
    """pixels [B, 3, H, W] -> tokens [B, 1 + N, hidden], the class token first"""

    def __init__(self, c):
        super().__init__()
        self.embeddings = Embeddings(c)
        self.encoder = EncoderLayers(c)
        self.layernorm = nn.LayerNorm(c.hidden, eps=c.encoder_eps)

    def forward(self, pixels):
        return self.layernorm(self.encoder(self.embeddings(pixels)))


class Projector(nn.Module):
    def __init__(self, inner, hidden, outer):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inner, hidden), nn.BatchNorm1d(hidden), nn.GELU(), nn.Linear(hidden, outer))

    def forward(self, x):
        return self.net(x.flatten(0, -2)).unflatten(0, x.shape[:-1])


class ActionEncoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.patch_embed = nn.Conv1d(c.action, c.action_smoothed, 1)
        self.embed = nn.Sequential(nn.Linear(c.action_smoothed, c.action_hidden), nn.SiLU(), nn.Linear(c.action_hidden, c.dim))

    def forward(self, action):
        return self.embed(self.patch_embed(action.transpose(-1, -2)).transpose(-1, -2))


class PredictorAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        inner = c.predictor_heads * c.dim_head
        self.heads, self.dropout = c.predictor_heads, c.dropout
        self.norm = nn.LayerNorm(c.dim)
        self.to_qkv = nn.Linear(c.dim, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, c.dim), nn.Dropout(c.dropout))

    def forward(self, x):
        q, k, v = (split_heads(part, self.heads) for part in self.to_qkv(self.norm(x)).chunk(3, dim=-1))
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        return self.to_out(y.transpose(1, 2).flatten(2))


class PredictorMlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(c.dim), nn.Linear(c.dim, c.predictor_mlp), nn.GELU(), nn.Dropout(c.dropout),
                                 nn.Linear(c.predictor_mlp, c.dim), nn.Dropout(c.dropout))

    def forward(self, x):
        return self.net(x)


class PredictorLayer(nn.Module):
    """An AdaLN-zero block: the condition shifts, scales and gates both halves."""

    def __init__(self, c):
        super().__init__()
        self.attn = PredictorAttention(c)
        self.mlp = PredictorMlp(c)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(c.dim, 6 * c.dim))
        nn.init.zeros_(self.adaLN_modulation[1].weight)
        nn.init.zeros_(self.adaLN_modulation[1].bias)

    def forward(self, x, condition):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(condition).chunk(6, dim=-1)
        x = x + gate1 * self.attn(F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale1) + shift1)
        return x + gate2 * self.mlp(F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale2) + shift2)


class PredictorTransformer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.LayerNorm(c.dim)
        self.layers = nn.ModuleList(PredictorLayer(c) for _ in range(c.depth))

    def forward(self, x, condition):
        for layer in self.layers:
            x = layer(x, condition)
        return self.norm(x)


class Predictor(nn.Module):
    """x, condition [B, T, D] with T <= history -> [B, T, D]; slots count from the window's first frame"""

    def __init__(self, c):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.randn(1, c.history, c.dim))
        self.transformer = PredictorTransformer(c)

    def forward(self, x, condition):
        return self.transformer(x + self.pos_embedding[:, :x.shape[1]], condition)


class LeWorldModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.encoder = Encoder(c)
        self.projector = Projector(c.hidden, c.projector_hidden, c.dim)
        self.action_encoder = ActionEncoder(c)
        self.predictor = Predictor(c)
        self.pred_proj = Projector(c.dim, c.projector_hidden, c.dim)
        for name, parameter in self.encoder.named_parameters():
            if parameter.dim() > 1:
                nn.init.trunc_normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def encode(self, pixels):
        """[B, T, 3, H, W] -> [B, T, D]"""
        return self.projector(self.encoder(pixels.flatten(0, 1))[:, 0].unflatten(0, pixels.shape[:2]))

    def predict(self, emb, act_emb):
        """[B, T, D] with T <= history -> the embeddings one step later, [B, T, D]"""
        return self.pred_proj(self.predictor(emb, act_emb))

    def losses(self, pixels, action, directions, weight):
        """pixels [B, T, 3, H, W], action [B, T, A], directions [D, K] -> the tensors and losses of one training step"""
        emb, act_emb = self.encode(pixels), self.action_encoder(action)
        windows = (-1, self.config.history, self.config.dim)  # the T - 1 contexts cut into windows of history
        pred = self.predict(emb[:, :-1].reshape(windows), act_emb[:, :-1].reshape(windows)).view_as(emb[:, 1:])
        pred_loss = (pred - emb[:, 1:]).square().mean()
        sigreg_loss = sigreg(emb.transpose(0, 1), directions)
        return {"emb": emb, "act_emb": act_emb, "pred": pred, "pred_loss": pred_loss, "sigreg_loss": sigreg_loss,
                "loss": pred_loss + weight * sigreg_loss}

    def rollout(self, emb, act_emb):
        """emb [R, 1, D], act_emb [R, T, D] -> [R, T + 1, D]: the first frame and T predictions, each from a window of
        at most history frames whose tokens are all computed anew, as the public planner does."""
        for end in range(1, act_emb.shape[1] + 1):
            start = max(0, end - self.config.history)
            pred = self.predict(emb[:, start:end], act_emb[:, start:end])[:, -1:]
            emb = torch.cat((emb, pred), dim=1)
        return emb


def sigreg(z, directions, knots=17):
    """z [T, N, D], directions [D, K] of unit columns -> the Epps-Pulley statistic, a mean over T and K"""
    return epps_pulley(z @ directions, knots)


def epps_pulley(u, knots=17):
    """u [T, N, K] -> scalar"""
    t = torch.linspace(0, 3, knots, dtype=u.dtype, device=u.device)
    phi = torch.exp(-t * t / 2)
    w = torch.full_like(t, 2 * 3 / (knots - 1))
    w[[0, -1]] /= 2
    ut = u[..., None] * t
    error = (ut.cos().mean(-3) - phi).square() + ut.sin().mean(-3).square()
    return u.shape[-2] * (error @ (phi * w)).mean()


def random_directions(dim, slices, device=None):
    return F.normalize(torch.randn(dim, slices, device=device), dim=0)


def transformers_names(encoder):
    """Our keys of an Encoder -> those of transformers' ViTModel; version 5 renamed the parts of a layer."""
    names = {"encoder.layer.": "layers.", "attention.attention.query": "attention.q_proj", "attention.attention.key": "attention.k_proj",
             "attention.attention.value": "attention.v_proj", "attention.output.dense": "attention.o_proj",
             "intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2"}
    renamed = {}
    for key in encoder.state_dict():
        renamed[key] = key
        for old, new in names.items():
            renamed[key] = renamed[key].replace(old, new)
    return renamed


def transformers_encoder(encoder, c):
    """transformers' ViTModel with the weights of an Encoder."""
    from transformers import ViTConfig, ViTModel
    renamed = transformers_names(encoder)
    state = {renamed[key]: tensor for key, tensor in encoder.state_dict().items()}
    vit = ViTModel(ViTConfig(image_size=c.image, patch_size=c.patch, hidden_size=c.hidden, num_hidden_layers=c.layers,
                             num_attention_heads=c.heads, intermediate_size=c.mlp, layer_norm_eps=c.encoder_eps,
                             hidden_act="gelu", qkv_bias=True, attn_implementation="eager"), add_pooling_layer=False)
    vit.load_state_dict(state)
    return vit.eval()


def check():
    torch.manual_seed(0)
    published, demo = LeWorldModel(PUBLISHED), LeWorldModel(DEMO)
    for name, model, expected in (("published", published, 18_034_478), ("demo", demo, 505_006),
                                  ("cube", LeWorldModel(replace(PUBLISHED, action=25)), 18_034_628)):
        count = sum(p.numel() for p in model.parameters())
        print(f"{name}: {count:,} parameters, {len(model.state_dict())} tensors")
        assert count == expected
    assert len(published.state_dict()) == 303

    u = torch.tensor([-1.5, -0.5, 0, 0.25, 1, 2], dtype=torch.float64).view(1, 6, 1)
    assert math.isclose(epps_pulley(u).item(), 0.1575722333848502, rel_tol=1e-12)

    with torch.no_grad():
        for parameter in published.encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        pixels = torch.randn(2, 3, 224, 224)
        ours, theirs = published.encoder(pixels), transformers_encoder(published.encoder, PUBLISHED)(pixels).last_hidden_state
    difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    print(f"encoder against transformers' ViTModel: {difference:.1e} of the largest value {theirs.abs().max():.2f}")
    assert difference < 1e-5


if __name__ == "__main__":
    check()
