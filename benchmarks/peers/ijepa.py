"""I-JEPA (arXiv 2301.08243): encoder and predictor as in the original files, square grids."""
import torch
from torch import nn

from vit import Block, PatchEmbed, gather, grid_ids, positions, sincos


def table(dim, grid):
    """[1, N, D] in float32: the first half of the channels is the column, the second the row."""
    _, row, column = positions(grid_ids(1, grid, grid), grid, grid)
    return torch.cat((sincos(dim // 2, column[0]), sincos(dim // 2, row[0])), dim=1)[None].float()


class Encoder(nn.Module):
    def __init__(self, grid, patch, dim, depth, heads):
        super().__init__()
        self.pos_embed = nn.Parameter(table(dim, grid))
        self.patch_embed = PatchEmbed(dim, patch, patch)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, images, masks=None):
        """[B, 3, H, W] -> [B, N, D], or for masks [masks * B, M, D]"""
        x = self.patch_embed(images) + self.pos_embed
        if masks is not None:
            x = gather(x, masks)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Predictor(nn.Module):
    def __init__(self, grid, dim, width, depth, heads):
        super().__init__()
        self.predictor_embed = nn.Linear(dim, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.predictor_pos_embed = nn.Parameter(table(width, grid))
        self.predictor_blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.predictor_norm = nn.LayerNorm(width, eps=1e-6)
        self.predictor_proj = nn.Linear(width, dim)

    def forward(self, x, context, targets):
        """x [B, C, D] of the ids context [B, C]; targets [B, M] each -> [targets * B, M, D], the whole batch for the first target first"""
        place = self.predictor_pos_embed.expand(len(x), -1, -1)
        x = (self.predictor_embed(x) + gather(place, [context])).repeat(len(targets), 1, 1)
        x = torch.cat((x, self.mask_token + gather(place, targets)), dim=1)
        for block in self.predictor_blocks:
            x = block(x)
        return self.predictor_proj(self.predictor_norm(x)[:, context.shape[1]:])
