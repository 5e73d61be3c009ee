#!/usr/bin/env bash
# Proves and measures JepaEngine on a machine with an NVIDIA GPU. Needs neither SDK nor internet: the bundle beside this file, a driver, and NVRTC of a toolkit or of
# Python's packages. A step that fails is recorded and the next one runs.
#
#   ./run.sh [FOLDER [STEP...]]     steps: doctor parity sanitizer peers ops models; all of them where none is named
#
# FOLDER (or $OUT) receives steps.jsonl, each step's output, the JSON lines of all measurements, and summary.md.
# DEVICE=cuda:1 takes another GPU. DEVICE=sim SMALL=1 tries the script where there is none. LIMIT=300 gives each command other seconds than 600.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-${OUT:-$here/results}}
shift $(($# > 0 ? 1 : 0))
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(doctor parity sanitizer peers ops models)
device=${DEVICE:-cuda:0}
small=${SMALL:-}
mkdir -p "$out" || exit 3
out=$(cd "$out" && pwd)
jepa=$here/jepa
failed=0

# What lies in no folder that a loader knows: libraries that came with Python.
packages=$(python3 -c 'import nvidia; print(*nvidia.__path__)' 2>/dev/null)
find_library() {
    local folder
    for folder in /usr/local/cuda*/lib64 /usr/local/cuda*/targets/*/lib ${packages:+$(printf '%s/*/lib ' $packages)}; do
        compgen -G "$folder/$1.so.1[23]*" >/dev/null && echo "$folder" && return
    done
}
[ -n "${JEPA_NVRTC:-}" ] || { folder=$(find_library libnvrtc); [ -z "$folder" ] || export JEPA_NVRTC=$folder; }
[ -n "${JEPA_CUBLASLT:-}" ] || { folder=$(find_library libcublasLt); [ -z "$folder" ] || export JEPA_CUBLASLT=$folder; }

# run NAME COMMAND...: output to NAME.txt, complaints to NAME.err, a line to steps.jsonl.
run() {
    local name=$1 begin=$SECONDS code
    shift
    printf '== %s\n' "$name"
    timeout -k 10 "${LIMIT:-600}" "$@" >"$out/$name.txt" 2>"$out/$name.err"
    code=$?
    printf '{"step":"%s","exit":%d,"seconds":%d}\n' "$name" "$code" $((SECONDS - begin)) >>"$out/steps.jsonl"
    if [ $code -ne 0 ]; then
        failed=1
        printf '   failed with %d after %d s: %s\n' "$code" $((SECONDS - begin)) "$(grep -v '^$' "$out/$name.err" | tail -n 1)"
    fi
    [ -s "$out/$name.err" ] || rm -f "$out/$name.err"
    return $code
}

skip() {
    printf '== %s skipped: %s\n' "$1" "$2"
    printf '{"step":"%s","skipped":"%s"}\n' "$1" "$2" >>"$out/steps.jsonl"
}

doctor() { run doctor "$jepa" doctor; }

parity() {
    local tier op
    for tier in "$device" "$device:bf16"; do
        if [ -n "$small" ]; then
            for op in LayerNorm Gelu; do run "parity-$op-${tier//:/-}" "$jepa" parity --device "$tier" --op "$op" --json; done
        else
            run "parity-${tier//:/-}" "$jepa" parity --device "$tier" --json
        fi
    done
    # Each tensor is a line; one that disagrees names its first bad element.
    cat "$out"/parity-*.txt | grep '"badIndex":[0-9]' >"$out/parity-failures.jsonl"
    printf '   %d tensors checked, %d disagree\n' "$(cat "$out"/parity-*.txt | wc -l)" "$(wc -l <"$out/parity-failures.jsonl")"
}

sanitizer() {
    local tool op program
    program=$(command -v compute-sanitizer || compgen -G '/usr/local/cuda*/bin/compute-sanitizer' | tail -n 1)
    [ -n "$program" ] || { skip sanitizer 'there is no compute-sanitizer'; return; }
    for op in MatMul Attention LayerNorm SigReg Sum AdamW; do
        for tool in memcheck racecheck; do
            run "sanitizer-$tool-$op" "$program" --tool "$tool" --error-exitcode 9 "$jepa" parity --device "$device" --op "$op"
            run "sanitizer-$tool-$op-bf16" "$program" --tool "$tool" --error-exitcode 9 "$jepa" parity --device "$device:bf16" --op "$op"
        done
    done
}

# Before the benchmarks, whose tables then show the ratio.
peers() {
    local script
    rm -f "$out/peers.jsonl"
    python3 -c 'import torch' 2>/dev/null || { skip peers 'python3 has no torch'; return; }
    for script in peer_ops peer_models peer_lewm; do
        run "$script" python3 "$here/peers/$script.py" --device "${device/sim/cpu}" ${small:+--small}
        cat "$out/$script.txt" >>"$out/peers.jsonl"
    done
}

bench() {
    local name=$1
    shift
    run "bench-$name" "$jepa" bench --device "$device" --dtype f32,bf16 --out "$out/bench-$name.jsonl" --md ${PEERS:+--peer "$PEERS"} "$@"
    cat "$out/bench-$name.txt"
}

ops() { if [ -n "$small" ]; then bench ops --op LayerNorm,Gelu --tokens 16; else bench ops; fi; }

models() { if [ -n "$small" ]; then skip models 'SMALL is set'; else bench models --model ijepa-vith,vjepa2-vitl-2,vjepa2-vitl-16,vjepa2-vitl-64,lewm-train,lewm-plan,demo-train,demo-plan; fi; }

for step in "${steps[@]}"; do
    case $step in
        doctor | parity | sanitizer | peers | ops | models)
            PEERS=$([ -s "$out/peers.jsonl" ] && echo "$out/peers.jsonl")
            "$step" ;;
        *) echo "run.sh: there is no step '$step'; steps are doctor parity sanitizer peers ops models" >&2; exit 2 ;;
    esac
done

{
    printf '# JepaEngine on %s, %s\n\n' "$device" "$(date -u +%Y-%m-%d)"
    printf '| step | result | seconds |\n|---|---|--:|\n'
    sed -E 's/\{"step":"([^"]*)","exit":0,"seconds":([0-9]+)\}/| \1 | ok | \2 |/; s/\{"step":"([^"]*)","exit":([0-9]+),"seconds":([0-9]+)\}/| \1 | failed with \2 | \3 |/
        s/\{"step":"([^"]*)","skipped":"([^"]*)"\}/| \1 | skipped: \2 | |/' "$out/steps.jsonl"
    for name in doctor bench-ops bench-models; do
        [ ! -s "$out/$name.txt" ] || { printf '\n## %s\n\n' "$name"; cat "$out/$name.txt"; }
    done
} >"$out/summary.md"
echo "written: $out/summary.md"
exit $failed
