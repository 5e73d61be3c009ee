using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace JepaEngine.PackageTests;

/// <summary>
/// Which types a type uses, read from its assembly: bases, signatures, attributes, locals, and every type and member its code names. A constant
/// of another type is no use of it: the compiler has written its value.
/// </summary>
internal static class TypeArrows
{
    private const BindingFlags Own = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;

    private static readonly Dictionary<int, OpCode> Codes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value & 0xFFFF);

    /// <summary>The types of an assembly that somebody wrote: those of its own namespaces, nested ones too.</summary>
    public static IEnumerable<Type> Written(Assembly assembly) => assembly.GetTypes().Where(type => Room(type) is not null);

    /// <summary>The namespace a type was written in; null for what the compiler and generators add.</summary>
    public static string? Room(Type type) =>
        Outer(type).Namespace is { } room && room.StartsWith("JepaEngine", StringComparison.Ordinal) ? room : null;

    /// <summary>The type that a file holds: of a nested one the outermost.</summary>
    public static Type Outer(Type type)
    {
        while (type.DeclaringType is { } outer)
            type = outer;
        return type;
    }

    /// <summary>The types of our own that a type uses.</summary>
    public static HashSet<Type> Of(Type type)
    {
        HashSet<Type> used = [];
        Add(used, type.BaseType);
        foreach (Type contract in type.GetInterfaces())
            Add(used, contract);
        foreach (CustomAttributeData attribute in type.GetCustomAttributesData())
            Add(used, attribute.AttributeType);
        foreach (Type parameter in type.GetGenericArguments())
            Add(used, parameter);
        foreach (FieldInfo field in type.GetFields(Own))
            Add(used, field.FieldType);
        foreach (MethodBase method in type.GetMethods(Own).Concat<MethodBase>(type.GetConstructors(Own)))
            Add(used, method);
        used.Remove(type);
        return used;
    }

    private static void Add(HashSet<Type> used, Type? type)
    {
        if (type is null)
            return;
        if (type.HasElementType)
            Add(used, type.GetElementType());
        foreach (Type argument in type.IsGenericParameter ? type.GetGenericParameterConstraints() : type.GetGenericArguments())
            if (argument != type && (type.IsGenericParameter || !argument.IsGenericParameter))
                Add(used, argument);
        if (!type.IsGenericParameter && !type.HasElementType && Room(type) is not null)
            used.Add(type.IsGenericType ? type.GetGenericTypeDefinition() : type);
    }

    private static void Add(HashSet<Type> used, MethodBase method)
    {
        foreach (ParameterInfo parameter in method.GetParameters())
            Add(used, parameter.ParameterType);
        if (method is MethodInfo { ReturnType: var result })
            Add(used, result);
        if (method.IsGenericMethodDefinition)
            foreach (Type argument in method.GetGenericArguments())
                Add(used, argument);
        if (method.GetMethodBody() is not { } body)
            return;
        foreach (LocalVariableInfo local in body.LocalVariables)
            Add(used, local.LocalType);
        foreach (ExceptionHandlingClause clause in body.ExceptionHandlingClauses)
            if (clause.Flags == ExceptionHandlingClauseOptions.Clause)
                Add(used, clause.CatchType);
        foreach (int token in Tokens(body.GetILAsByteArray()!))
        {
            MemberInfo? named = method.Module.ResolveMember(token, method.DeclaringType!.GetGenericArguments(),
                method.IsGenericMethod ? method.GetGenericArguments() : null);
            Add(used, named as Type ?? named?.DeclaringType);
            if (named is MethodInfo { IsGenericMethod: true } generic)
                foreach (Type argument in generic.GetGenericArguments())
                    Add(used, argument);
        }
    }

    /// <summary>The types, fields and methods that a method's code names.</summary>
    private static IEnumerable<int> Tokens(byte[] code)
    {
        for (int at = 0; at < code.Length;)
        {
            OpCode operation = Codes[code[at] == 0xFE ? 0xFE00 | code[at + 1] : code[at]];
            at += operation.Size;
            if (operation.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType)
                yield return Unsafe.ReadUnaligned<int>(ref code[at]);
            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * Unsafe.ReadUnaligned<int>(ref code[at]),
                _ => 4,
            };
        }
    }
}
