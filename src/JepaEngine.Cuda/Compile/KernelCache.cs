using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Compile;

/// <summary>
/// A compiler whose images are kept in a folder, one <see cref="SealedFile"/> each: the log's length, the log, the
/// image. A file's name holds the SHA-256 of all that decides its content: the sources with their includes, the
/// options, the architecture, the compiler. What cannot be read or written, and a folder that others may write to, is
/// bypassed and noticed once.
/// </summary>
internal sealed class KernelCache(IKernelCompiler compiler, string? folder, Action<string> notice) : IKernelCompiler
{
    /// <summary>Names the folder, which is otherwise the user's own for local application data.</summary>
    public const string Variable = "JEPA_CACHE";

    /// <summary>The files' form; those of another one have other names.</summary>
    private const string Form = "log, image, hash";

    private const string Bypassed = "every start compiles its kernels; name another folder in " + Variable;

    private readonly Lazy<bool> isUsed = new(() => Use(folder, notice));

    private bool writeFailed;

    public string Name => compiler.Name;

    public string Identity => compiler.Identity;

    public IReadOnlyList<string> IncludeFolders => compiler.IncludeFolders;

    /// <summary>Where images are kept, which is made when the first one is; null where the user has no home.</summary>
    public static string? DefaultFolder()
    {
        // Not verified: a bare machine has no ~/.local/share until somebody makes it, as the first kernel that is kept
        // does.
        string root = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named
            ? named
            : Environment.GetFolderPath(
                Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return root.Length == 0 ? null : Path.Combine(Path.GetFullPath(root), "JepaEngine", "kernels");
    }

    /// <summary>What is wrong with a cache in this folder; null where it can be written.</summary>
    public static string? Fault(string? folder)
    {
        if (folder is null)
            return $"this user has no home: every start compiles its kernels; name a folder in {Variable}";
        if (PrivateFolder.Fault(folder) is { } fault)
            return $"{fault}: what lies there is not run, and {Bypassed}";
        try
        {
            PrivateFolder.Create(folder);
            string probe = Path.Combine(folder, $"probe-{Guid.NewGuid():N}");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"{folder} cannot be written ({error.Message}): {Bypassed}";
        }
    }

    public CompiledKernel Compile(KernelSource source, KernelFiles files)
    {
        if (!isUsed.Value)
            return compiler.Compile(source, files);
        string path = FileOf(source, files);
        if (Read(path) is { } kept)
            return kept;
        CompiledKernel made = compiler.Compile(source, files);
        Write(path, made);
        return made;
    }

    /// <summary>Whether an image is kept.</summary>
    public bool Holds(KernelSource source, KernelFiles files) => isUsed.Value && File.Exists(FileOf(source, files));

    /// <summary>The file an image is kept in.</summary>
    internal string FileOf(KernelSource source, KernelFiles files) => Path.Combine(folder!, $"{source.File}-{Key(source, files)}");

    private string Key(KernelSource source, KernelFiles files)
    {
        string all = $"{Form}\n{compiler.Identity}\n{string.Join(' ', source.Defines)}\n{files.Hash(source.Path, compiler.IncludeFolders)}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all)));
    }

    private static bool Use(string? folder, Action<string> notice)
    {
        if (folder is null || PrivateFolder.Fault(folder) is null)
            return folder is not null;
        notice($"the kernel cache is not used: {Fault(folder)}");
        return false;
    }

    private CompiledKernel? Read(string path)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            if (SealedFile.Read(path) is { } bytes)
            {
                int log = BinaryPrimitives.ReadInt32LittleEndian(bytes);
                return new(bytes[(sizeof(int) + log)..], Encoding.UTF8.GetString(bytes, sizeof(int), log));
            }
            notice($"the kernel cache holds a file that is damaged or that others can write to, {path}: "
                + "it is compiled anew");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            notice($"the kernel cache cannot be read: {fault.Message}");
        }
        return null;
    }

    private void Write(string path, CompiledKernel made)
    {
        try
        {
            byte[] log = Encoding.UTF8.GetBytes(made.Log), length = new byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(length, log.Length);
            SealedFile.Write(path, [.. length, .. log, .. made.Image]);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            if (!writeFailed)
                notice($"the kernel cache cannot be written: {fault.Message} Kernels are compiled at every start; name another folder in {Variable}");
            writeFailed = true;
        }
    }
}
