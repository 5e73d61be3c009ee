# One plain dotnet line a target; any shell can run them too. Usage: ./build.ps1 [build|test|demo|bench|pack|gpu-bundle]
param([ValidateSet('build', 'test', 'demo', 'bench', 'pack', 'gpu-bundle')] [string] $Target = 'build')
switch ($Target) {
    'build' { dotnet build -c Release }
    'test' { dotnet test -c Release }
    'demo' { dotnet run -c Release --project src/JepaEngine.Cli -- demo }
    'bench' { dotnet run -c Release --project benchmarks/JepaEngine.Benchmarks }
    'pack' { dotnet pack -c Release -o artifacts }
    'gpu-bundle' { dotnet publish src/JepaEngine.Cli -c Release -r linux-x64 --self-contained -p:GpuBundle=true -o artifacts/gpu-bundle }
}
