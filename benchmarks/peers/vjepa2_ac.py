"""V-JEPA 2-AC (arXiv 2506.09985): the action-conditioned predictor over frames that V-JEPA 2 encoded one by one."""
import torch
from torch import nn
from torch.nn import functional as F

from vit import Block, grid_ids, positions, rope, rotate_axis


def normalise(x):
    return F.layer_norm(x, x.shape[-1:], eps=1e-5)


def frame_tokens(encoder, frames):
    """frames [B, T, 3, H, W] -> [B, T N, D]: each frame doubled to a tubelet, encoded alone, normalised"""
    clips = frames.flatten(0, 1)[:, :, None].repeat(1, 1, 2, 1, 1)
    return normalise(encoder(clips).unflatten(0, frames.shape[:2]).flatten(1, 2))


def rotation(frames, rows, columns, condition):
    """Patches turn by time, row and column, the condition tokens before each frame's by time alone."""
    def split(x):
        return x.unflatten(2, (frames, condition + rows * columns)).split((condition, rows * columns), dim=3)

    turn_patches = rope(positions(grid_ids(frames, rows, columns), rows, columns), tiled=True)
    times = torch.arange(frames).double().repeat_interleave(condition)[None]

    def rotate(x):
        before, patches = (part.flatten(2, 3) for part in split(x))
        width = 2 * (x.shape[-1] // 3 // 2)
        before = torch.cat((rotate_axis(before[..., :width], times, tiled=True), before[..., width:]), dim=-1)
        merged = torch.cat([part.unflatten(2, (frames, -1)) for part in (before, turn_patches(patches))], dim=3)
        return merged.flatten(2, 3)
    return rotate


class Predictor(nn.Module):
    def __init__(self, grid, dim, width, depth, heads):
        super().__init__()
        self.grid = grid
        self.predictor_embed = nn.Linear(dim, width)
        self.action_encoder, self.state_encoder = nn.Linear(7, width), nn.Linear(7, width)
        self.extrinsics_encoder = nn.Linear(6, width)  # in the file, not used
        self.predictor_blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.predictor_norm = nn.LayerNorm(width, eps=1e-6)
        self.predictor_proj = nn.Linear(width, dim)

    def forward(self, x, actions, states):
        """x [B, T N, D], actions and states [B, T, 7] -> what each frame's tokens become one frame later, [B, T N, D]"""
        frames, patches = actions.shape[1], self.grid ** 2
        condition = torch.stack((self.action_encoder(actions), self.state_encoder(states)), dim=2)
        x = torch.cat((condition, self.predictor_embed(x).unflatten(1, (frames, patches))), dim=2).flatten(1, 2)
        frame = torch.arange(frames).repeat_interleave(2 + patches)
        rotate = rotation(frames, self.grid, self.grid, 2)
        for block in self.predictor_blocks:
            x = block(x, rotate, frame[:, None] >= frame)
        x = x.unflatten(1, (frames, -1))[:, :, 2:].flatten(1, 2)
        return self.predictor_proj(self.predictor_norm(x))

    def rollout(self, x, actions, states):
        """x [B, N, D], the first frame's tokens; actions and states [B, T, 7] -> [B, T N, D], each prediction normalised and fed back"""
        patches = x.shape[1]
        for t in range(1, actions.shape[1] + 1):
            prediction = self(x, actions[:, :t], states[:, :t])[:, -patches:]
            x = torch.cat((x, normalise(prediction)), dim=1)
        return x[:, patches:]
