# One plain dotnet line a target; any shell can run them too. Usage: ./build.ps1 [build|test|demo|bench|pack]
param([ValidateSet('build', 'test', 'demo', 'bench', 'pack')] [string] $Target = 'build')
switch ($Target) {
    'build' { dotnet build -c Release }
    'test' { dotnet test -c Release }
    'demo' { dotnet run -c Release --project src/JepaEngine.Cli -- demo }
    'bench' { dotnet run -c Release --project benchmarks/JepaEngine.Benchmarks }
    'pack' { dotnet pack -c Release -o artifacts }
}
