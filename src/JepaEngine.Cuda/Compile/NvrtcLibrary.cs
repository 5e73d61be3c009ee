using System.Runtime.InteropServices;
using System.Text;
using JepaEngine.Cuda.Driver;
using JepaEngine.Cuda.Loading;

namespace JepaEngine.Cuda.Compile;

/// <summary>NVRTC, the compiler as a library. Compilations may run side by side.</summary>
internal sealed unsafe class NvrtcLibrary
{
    private readonly delegate* unmanaged<int*, int*, int> version;
    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> createProgram;
    private readonly delegate* unmanaged<nint, int, byte**, int> compileProgram;
    private readonly delegate* unmanaged<nint*, int> destroyProgram;
    private readonly delegate* unmanaged<nint, nuint*, int> logSize, cubinSize;
    private readonly delegate* unmanaged<nint, byte*, int> log, cubin;
    private readonly delegate* unmanaged<int, byte*> errorString;

    public NvrtcLibrary(NativeFile file)
    {
        File = file;
        version = (delegate* unmanaged<int*, int*, int>)file.Export("nvrtcVersion");
        createProgram = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)file.Export("nvrtcCreateProgram");
        compileProgram = (delegate* unmanaged<nint, int, byte**, int>)file.Export("nvrtcCompileProgram");
        destroyProgram = (delegate* unmanaged<nint*, int>)file.Export("nvrtcDestroyProgram");
        logSize = (delegate* unmanaged<nint, nuint*, int>)file.Export("nvrtcGetProgramLogSize");
        log = (delegate* unmanaged<nint, byte*, int>)file.Export("nvrtcGetProgramLog");
        cubinSize = (delegate* unmanaged<nint, nuint*, int>)file.Export("nvrtcGetCUBINSize");
        cubin = (delegate* unmanaged<nint, byte*, int>)file.Export("nvrtcGetCUBIN");
        errorString = (delegate* unmanaged<int, byte*>)file.Export("nvrtcGetErrorString");
    }

    public NativeFile File { get; }

    public bool IsComplete => File.Path is not null && File.Missing.Count == 0;

    /// <summary>As <c>12.4</c>.</summary>
    public string Version
    {
        get
        {
            int major, minor;
            Check(version(&major, &minor), "nvrtcVersion");
            return $"{major}.{minor}";
        }
    }

    /// <summary>Compiles a program to a cubin; null where it has errors. The log is the compiler's either way.</summary>
    /// <param name="files">The program, then what it includes, as (name, text).</param>
    /// <param name="options">The compiler's.</param>
    /// <param name="text">What the compiler said.</param>
    public byte[]? Compile(IReadOnlyList<(string Name, string Text)> files, IReadOnlyList<string> options, out string text)
    {
        using var names = new Utf8List(files.Select(file => file.Name));
        using var texts = new Utf8List(files.Select(file => file.Text));
        using var arguments = new Utf8List(options);
        nint program;
        Check(createProgram(&program, texts[0], names[0], files.Count - 1, texts.Pointer + 1, names.Pointer + 1), "nvrtcCreateProgram");
        try
        {
            const int CompilationError = 6;
            int result = compileProgram(program, options.Count, arguments.Pointer);
            text = Encoding.UTF8.GetString(Bytes(program, logSize, log, "nvrtcGetProgramLog")).TrimEnd('\0');
            if (result == CompilationError)
                return null;
            if (result != 0)
                throw Error(result, "nvrtcCompileProgram", $" ({string.Join(' ', options)}) {text}");
            return Bytes(program, cubinSize, cubin, "nvrtcGetCUBIN");
        }
        finally
        {
            _ = destroyProgram(&program);
        }
    }

    private byte[] Bytes(nint program, delegate* unmanaged<nint, nuint*, int> size, delegate* unmanaged<nint, byte*, int> get, string api)
    {
        nuint count;
        Check(size(program, &count), api + "Size");
        byte[] bytes = new byte[count];
        fixed (byte* p = bytes)
            Check(get(program, p), api);
        return bytes;
    }

    private void Check(int result, string api)
    {
        if (result != 0)
            throw Error(result, api, "");
    }

    private CudaException Error(int result, string api, string detail) =>
        new($"{api} failed with {Marshal.PtrToStringUTF8((nint)errorString(result))}{detail}; the compiler is {File.Path}, another can be named in {CudaLibraries.NvrtcVariable}", api: api);

    // Strings as C takes them.
    private sealed class Utf8List : IDisposable
    {
        private readonly nint[] strings;

        public Utf8List(IEnumerable<string> texts)
        {
            strings = [.. texts.Select(Marshal.StringToCoTaskMemUTF8)];
            Pointer = (byte**)NativeMemory.Alloc((nuint)(strings.Length + 1), (nuint)sizeof(nint));
            for (int i = 0; i < strings.Length; i++)
                Pointer[i] = (byte*)strings[i];
        }

        public byte** Pointer { get; }

        public byte* this[int i] => Pointer[i];

        public void Dispose()
        {
            foreach (nint text in strings)
                Marshal.FreeCoTaskMem(text);
            NativeMemory.Free(Pointer);
        }
    }
}
