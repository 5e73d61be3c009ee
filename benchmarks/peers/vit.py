"""What Meta's JEPA models share, in plain PyTorch, with the key names of their files."""
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """x [B, N, D]; rotate turns queries and keys [B, H, N, E]; mask [N, N] is true where a row may look."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x, rotate=None, mask=None):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if rotate is not None:
            q, k = rotate(q), rotate(k)
        return self.proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, dim, ratio):
        super().__init__()
        self.fc1 = nn.Linear(dim, int(dim * ratio))
        self.fc2 = nn.Linear(int(dim * ratio), dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, dim, heads, ratio=4, eps=1e-6):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim, heads)
        self.mlp = Mlp(dim, ratio)

    def forward(self, x, rotate=None, mask=None):
        x = x + self.attn(self.norm1(x), rotate, mask)
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    """images [B, 3, H, W] or videos [B, 3, T, H, W] -> tokens [B, N, D], time before rows before columns"""

    def __init__(self, dim, *size):
        super().__init__()
        self.proj = (nn.Conv2d if len(size) == 2 else nn.Conv3d)(3, dim, size, size)

    def forward(self, pixels):
        return self.proj(pixels).flatten(2).transpose(1, 2)


def gather(x, masks):
    """x [B, N, D], masks of ids [B, M] -> [masks * B, M, D]: the whole batch for the first mask, then for the next"""
    return torch.cat([x.gather(1, mask[..., None].expand(-1, -1, x.shape[-1])) for mask in masks])


def sincos(dim, positions):
    """positions [N] -> [N, dim]: sines of all frequencies, then cosines"""
    angles = positions.double()[:, None] * 10000 ** (-torch.arange(dim // 2).double() / (dim // 2))
    return torch.cat((angles.sin(), angles.cos()), dim=1)


def grid_ids(frames, rows, columns):
    return torch.arange(frames * rows * columns)[None]


def positions(ids, rows, columns):
    """ids [B, N] -> time, row and column [3, B, N]"""
    return torch.stack((ids // (rows * columns), ids // columns % rows, ids % columns)).double()


def rotate_axis(x, position, tiled):
    """x [B, H, N, E], position [B, N]. Neighbours form a pair; with tiled frequencies their angles differ, so it is no rotation."""
    half = x.shape[-1] // 2
    angle = position[:, None, :, None].to(x.dtype) * 10000 ** (-torch.arange(half, dtype=x.dtype) / half)
    angle = angle.repeat(1, 1, 1, 2) if tiled else angle.repeat_interleave(2, dim=-1)
    turned = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)
    return x * angle.cos() + turned * angle.sin()


def rope(axes, tiled):
    """axes [3, B, N] -> what turns [B, H, N, E]: equal, even parts for time, row and column; the rest of the channels stays"""
    def rotate(x):
        width = 2 * (x.shape[-1] // 3 // 2)
        parts = x.split((width, width, width, x.shape[-1] - 3 * width), dim=-1)
        return torch.cat([rotate_axis(part, axis, tiled) for part, axis in zip(parts, axes)] + [parts[3]], dim=-1)
    return rotate
