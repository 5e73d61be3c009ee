namespace JepaEngine.Jepa.Models;

/// <summary>How the tokens of a clip lie: id = (t · Rows + row) · Columns + column.</summary>
/// <param name="Times">Tubelets.</param>
/// <param name="Rows">Rows of patches.</param>
/// <param name="Columns">Columns of patches.</param>
public readonly record struct TokenGrid(int Times, int Rows, int Columns)
{
    /// <summary>Number of tokens.</summary>
    public int Count => Times * Rows * Columns;

    /// <summary>Where a token stands.</summary>
    public TokenPosition this[long id] => new(id / ((long)Rows * Columns), id / Columns % Rows, id % Columns);

    private TokenPosition[] Positions(Tensor ids, int tokens, string name)
    {
        TokenGrid grid = this;
        return Array.ConvertAll(TokenIds.Read(ids, tokens, name), id => grid[id]);
    }

    /// <summary>Where the tokens with these ids [B, K] stand, in a row; all tokens where there are no ids.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is none of the grid's.</exception>
    public TokenPosition[] Positions(Tensor? ids)
    {
        TokenGrid grid = this;
        return ids is null
            ? [.. Enumerable.Range(0, Count).Select(id => grid[id])]
            : Positions(ids, Count, nameof(ids));
    }

    /// <summary>Where the tokens of a context [B, Kc] and behind them those of its targets [B, Kt] stand, row for row.</summary>
    /// <param name="context">Ids of the context.</param>
    /// <param name="targets">Ids of the targets.</param>
    /// <param name="tokens">How many tokens the clip has; those beyond the grid stand in later tubelets.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is none of the clip's.</exception>
    public TokenPosition[] Positions(Tensor context, Tensor targets, int tokens)
    {
        TokenPosition[] first = Positions(context, tokens, nameof(context)), second = Positions(targets, tokens, nameof(targets));
        int batch = context.Shape[0], seen = context.Shape[1], asked = targets.Shape[1];
        JepaConfig.Require(targets.Shape.Rank == 2 && targets.Shape[0] == batch,
            $"context {context.Shape} and targets {targets.Shape} are not [B, Kc] and [B, Kt]");
        return [.. Enumerable.Range(0, batch).SelectMany(b => first.Skip(b * seen).Take(seen).Concat(second.Skip(b * asked).Take(asked)))];
    }

    /// <summary>The grid of pictures [B, C, H, W] or clips [B, T, C, H, W].</summary>
    /// <exception cref="ArgumentException">The pixels do not divide into patches and tubelets.</exception>
    public static TokenGrid Of(Tensor pixels, IModelConfig config) =>
        Of(pixels.Shape.Rank == 5 ? pixels.Shape[1] : 1, pixels.Shape[^2], pixels.Shape[^1], config);

    /// <summary>The grid of frames of so many pixels; one frame fills a tubelet.</summary>
    /// <exception cref="ArgumentException">The pixels do not divide into patches and tubelets.</exception>
    public static TokenGrid Of(int frames, int height, int width, IModelConfig config)
    {
        JepaConfig.Require(height % config.Patch == 0 && width % config.Patch == 0 && height > 0 && width > 0,
            $"{width} x {height} pixels do not divide into patches of {config.Patch}; resize or crop to {config.ImageSize} x {config.ImageSize}");
        JepaConfig.Require(frames == 1 || frames % config.Tubelet == 0,
            $"{frames} frames do not divide into tubelets of {config.Tubelet}; drop or repeat the last frame");
        return new TokenGrid(Math.Max(1, frames / config.Tubelet), height / config.Patch, width / config.Patch);
    }

    /// <summary>Clips [B, T, C, H, W] as patches are cut from them, [B, C, T, H, W]; a single frame fills a tubelet. Views, no copies.</summary>
    public static Tensor Clip(Tensor pixels, int tubelet)
    {
        if (pixels.Shape[1] < tubelet)
            pixels = pixels.Broadcast(pixels.Shape.With(1, tubelet));
        return pixels.Permute(0, 2, 1, 3, 4);
    }
}
