namespace JepaEngine.Backends.Reference;

internal sealed partial class ReferenceBackend<T>
{
    public override void Rotary(in Operand x, in Operand cos, in Operand sin, bool transposed, in Operand dst)
    {
        View<T> from = Of(x), c = Of(cos), s = Of(sin), to = Of(dst);
        for (int b = 0; b < x.Shape[0]; b++)
            for (int n = 0; n < x.Shape[1]; n++)
                for (int h = 0; h < x.Shape[2]; h++)
                    for (int even = 0; even < x.Shape[3]; even += 2)
                    {
                        int odd = even + 1;
                        T first = from[b, n, h, even], second = from[b, n, h, odd];
                        to[b, n, h, even] = first * c[b, n, even] + second * (transposed ? s[b, n, odd] : -s[b, n, even]);
                        to[b, n, h, odd] = second * c[b, n, odd] + first * (transposed ? -s[b, n, even] : s[b, n, odd]);
                    }
    }
}
