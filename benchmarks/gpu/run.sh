#!/usr/bin/env bash
# Proves and measures JepaEngine on a machine with an NVIDIA GPU, in two commands of less than five minutes each. Needs neither SDK nor internet: the bundle
# beside this file, a driver, and NVRTC of a toolkit or of Python's packages, or the one in the bundle.
#
#   run.sh prove OUT      whether every operation agrees with its reference, and what this machine's compiler made of the kernels
#   run.sh measure OUT    how fast, beside cuBLASLt and PyTorch: alone on the card
#
# Each ends within BUDGET seconds (270 and 280), whatever hangs. After each step OUT holds all that is known in two files: prove.tgz and prove-summary.md, likewise
# measure. A step that is missing, fails, hangs or is killed costs its own row. What is compiled is kept in WORK for the second command.
# DEVICE=cuda:1 takes another GPU; DEVICE=sim rehearses where there is none. OPS and LARGE, with commas between, take only these operations and large cases;
# JOBS is how many processes run side by side, LIMIT how many seconds an operation may take.
set -u
export LC_ALL=C # logs may hold any bytes
unset CDPATH
trap : PIPE     # whoever reads the output may leave
SECONDS=0
mode=${1:-} out=${2:-}
fail() { echo "run.sh: $2" >&2; exit "$1"; }
case $mode in prove) budget=270 ;; measure) budget=280 ;; *) budget=0 ;; esac
[ $# -eq 2 ] && [ $budget -gt 0 ] || fail 2 'usage: run.sh prove|measure OUT'
device=${DEVICE:-cuda:0} jobs=${JOBS:-$(nproc)} limit=${LIMIT:-40} budget=${BUDGET:-$budget}
[[ "$jobs $limit $budget" =~ ^[1-9][0-9]*\ [1-9][0-9]*\ [1-9][0-9]*$ ]] || fail 2 'JOBS, LIMIT and BUDGET are numbers from 1'
umask go-w # kernels are kept only where nobody else may write
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) work=${WORK:-${TMPDIR:-/tmp}/jepa-gpu}
mkdir -p "$work" && work=$(cd "$work" && pwd -P) && [ -w "$work" ] || fail 3 "${WORK:-the folder for temporary files} cannot be written"
mkdir -p "$out" && out=$(cd "$out" && pwd -P) && [ -w "$out" ] || fail 3 "$2 cannot be written"
log=$work/$mode
case $out/ in "$log"/*) fail 3 "$out lies where the run keeps its logs: name another folder" ;; esac
exec 9>"$work/lock"
! command -v flock >/dev/null || flock -n 9 || fail 3 "another run uses $work"
rm -rf "$log" && mkdir -p "$log" || fail 3 "$log cannot be written"
exec 2>"$log/run.err" # what the shell has to say of commands it killed
export JEPA_CACHE=${JEPA_CACHE:-$work/cache} DOTNET_EnableDiagnostics=0
# Ten seconds of the budget are for what does not want to end, and for packing.
deadline=$((budget - 10))

# Some ways of carrying a bundle lose the right to execute, and its folder may be read-only.
if ! [ -x "$here/jepa" ] && ! chmod +x "$here/jepa" 2>/dev/null; then
  mkdir -p "$work/bundle" && cp -r "$here/." "$work/bundle/" && here=$work/bundle && chmod +x "$here/jepa"
fi
jepa=$here/jepa
# The compiler that the proof was made with measures too.
[ "$mode" = measure ] && [ -e "$work/nvrtc" ] && export JEPA_NVRTC=$(cat "$work/nvrtc")
small=()
if [ "$device" = sim ]; then
  # The simulator needs minutes for what a GPU needs milliseconds for, and no NVRTC.
  limit=${LIMIT:-100} small=(--small) LARGE=${LARGE:-MatMul,Attention heads of 64,LayerNorm,Capture}
  [ -n "${JEPA_NVRTC:-}" ] || [ ! -d "$here/nvrtc" ] || export JEPA_NVRTC=$here/nvrtc
fi

# --- steps: commands in the background, each with a limit of its own ---
declare -A names=() begins=() ends=()
failed=0 packed=0 last=''

row() { # NAME RESULT SECONDS
  printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$log/steps.tsv"
  case $2 in ok | skipped*) ;; *) failed=1 ;; esac
  pack
  printf '%-24s %4s s  %s\n' "$1" "$3" "$2"
}

start() { # NAME SECONDS COMMAND...
  local name=$1 most=$2 left=$((deadline - SECONDS))
  shift 2
  [ $left -ge 3 ] || { row "$name" 'skipped: no time was left' 0; failed=1; return 1; }
  set -m # as a group of processes, which is killed as one
  "$@" >"$log/$name.txt" 2>"$log/$name.err" </dev/null 9>&- &
  set +m
  names[$!]=$name begins[$!]=$SECONDS ends[$!]=$((SECONDS + (most < left ? most : left)))
}

# Waits until no more than so many run. One that is over its time is asked to end, 5 seconds later it is killed, and 2 later left behind.
reap() { # MOST
  local pid late
  while [ ${#names[@]} -gt "$1" ]; do
    for pid in "${!names[@]}"; do
      late=$((SECONDS - ends[$pid]))
      if ! kill -0 "$pid" 2>/dev/null; then
        wait "$pid"
        ended "$pid" $?
      elif [ $late -ge 7 ]; then
        ended "$pid" 'left behind: it cannot be killed'
      elif [ $late -ge 5 ]; then
        kill -KILL -- "-$pid" 2>/dev/null
      elif [ $late -ge 0 ]; then
        kill -TERM -- "-$pid" 2>/dev/null
      fi
    done
    [ ${#names[@]} -le "$1" ] || sleep 0.1
  done
}

ended() { # PID CODE
  local name=${names[$1]} seconds=$((SECONDS - begins[$1])) result=$2
  kill -KILL -- "-$1" # what a command that died left running
  if [ "$result" = 0 ]; then
    result=ok
  elif [[ $result = left* ]]; then
    :
  elif [ "$SECONDS" -ge "${ends[$1]}" ]; then
    result="stopped after $seconds s"
  else
    result="failed with $result"
  fi
  unset "names[$1]" "begins[$1]" "ends[$1]"
  last=$result
  row "$name" "$result" "$seconds"
}

step() { # NAME SECONDS COMMAND...: by itself; succeeds if it does
  start "$@" || return
  reap 0
  [ "$last" = ok ]
}

skip() { row "$1" "skipped: $2" 0; }

# --- results ---
# All that is known to OUT: copies of the logs, the long ones without their middle, since some still grow.
pack() {
  local most file at="$work/pack/$mode" part="$out/$mode.tgz.part"
  packed=0
  for most in 400000 4000; do
    rm -rf "$at" && mkdir -p "$at" || return
    for file in "$log"/*; do
      case $file in
        *.txt | *.err)
          if [ "$(stat -c %s "$file")" -le $most ]; then cp "$file" "$at/"; continue; fi
          { head -c $((most / 2)) "$file"; printf '\n[...]\n'; tail -c $((most / 2)) "$file"; } >"$at/${file##*/}" ;;
        *) cp "$file" "$at/" ;;
      esac
    done
    summary "$at" >"$at/summary.md" && tar czf "$part" -C "$work/pack" "$mode" || { rm -f "$part"; return; }
    [ "$(stat -c %s "$part")" -gt 16000000 ] || break
  done
  [ "$(stat -c %s "$part")" -le 16000000 ] && mv "$part" "$out/$mode.tgz" && cp "$at/summary.md" "$out/$mode-summary.md" && packed=1
  rm -f "$part"
}

summary() { # FOLDER
  local name result seconds lines log=$1
  printf '# JepaEngine on %s: %s, %s\n\n' "$device" "$mode" "$(date -u +%Y-%m-%d)"
  [ ! -s "$log/doctor.txt" ] || { echo '```'; sed -n '/^processor/p; /^cores/p; /^CUDA/,$p' "$log/doctor.txt" | grep -av '^tried'; printf '```\n\n'; }
  [ "${JEPA_NVRTC:-}" != "$here/nvrtc" ] || [ "$device" = sim ] || printf 'Compiled by the bundle'"'"'s own NVRTC: this machine'"'"'s failed, or there is none.\n\n'
  printf '| step | result | seconds |\n|---|---|--:|\n'
  while IFS=$'\t' read -r name result seconds; do printf '| %s | %s | %s |\n' "$name" "$result" "$seconds"; done <"$log/steps.tsv"
  while IFS=$'\t' read -r name result seconds; do
    case $result in ok | skipped*) continue ;; esac
    printf '\n**%s** %s\n\n```\n' "$name" "$result"
    # A check says at its end what failed; whatever else went wrong, the error stream.
    { sed -n '/ tensors \(do not \)\{0,1\}agree\./,$p; / does not compile: /p' "$log/$name.txt"; grep -av '^$' "$log/$name.err"; } |
      tr -d '\000' | cut -c1-300 | head -n 12
    echo '```'
  done <"$log/steps.tsv"
  echo
  for name in kernels kernels-compiled parity-bf16 parity-f32 large-bf16 large-f32 demo; do
    case $name in kernels*) lines=3 ;; demo) lines=4 ;; *) lines=1 ;; esac
    [ ! -s "$log/$name.txt" ] || printf -- '- %s: %s\n' "$name" "$(grep -av '^$' "$log/$name.txt" | tr -d '\000' | tail -n $lines | tr '\n' ' ' | cut -c1-400)"
  done
  if [ -s "$log/table.txt" ]; then
    echo; cat "$log/table.txt"
  else
    for name in ops models f32; do [ ! -s "$log/$name.txt" ] || { printf '\n## %s\n\n' "$name"; tail -n +4 "$log/$name.txt"; }; done
  fi
}

finish() {
  pack
  cat "$work/pack/$mode/summary.md"
  [ $packed = 1 ] || { echo "run.sh: not all could be written to $out"; exit 3; }
  exit $failed
}

stopped() { # CODE
  local pid
  trap '' TERM INT HUP
  for pid in "${!names[@]}"; do kill -KILL -- "-$pid" 2>/dev/null; done
  for pid in "${!names[@]}"; do
    local name=${names[$pid]} begin=${begins[$pid]}
    unset "names[$pid]"
    row "$name" 'stopped with the run' $((SECONDS - begin))
  done
  exit "$1"
}
trap 'stopped 143' TERM
trap 'stopped 130' INT
trap 'stopped 129' HUP

find_tool() { command -v "$1" || compgen -G "/usr/local/cuda*/bin/$1" | tail -n 1; }

# What the machine is; where it has no compiler, the bundle's is the one.
doctor() {
  step doctor 20 "$jepa" doctor
  [ -n "${JEPA_NVRTC:-}" ] || [ ! -d "$here/nvrtc" ] || ! grep -aq '^NVRTC.* no NVRTC' "$log/doctor.txt" || export JEPA_NVRTC=$here/nvrtc
}

# --- prove: nothing is timed, so that processes run side by side ---
prove() {
  local tool op sanitizer before=${JEPA_NVRTC:-}
  doctor
  if command -v nvidia-smi >/dev/null; then step nvidia-smi 10 nvidia-smi; else skip nvidia-smi 'there is none'; fi
  # One small matrix kernel, compiled here, launched and right. Where it gives no numbers at all, the bundle's compiler takes over, which the tests know.
  rm -f "$work/nvrtc"
  if ! step smoke 45 "$jepa" parity --device "$device:bf16" --op MatMul --limit 40 && [ -d "$here/nvrtc" ] &&
    [ "${JEPA_NVRTC:-}" != "$here/nvrtc" ] && ! grep -aq 'do not agree' "$log/smoke.txt"; then
    export JEPA_NVRTC=$here/nvrtc
    if step smoke-bundled-nvrtc 45 "$jepa" parity --device "$device:bf16" --op MatMul --limit 40; then
      echo "$JEPA_NVRTC" >"$work/nvrtc"
    elif [ -n "$before" ]; then
      export JEPA_NVRTC=$before
    else
      unset JEPA_NVRTC
    fi
  fi
  # All modules at once; what follows finds them in the cache.
  local which=() table=()
  [ ! -e "$here/kernels/resources.txt" ] || table=(--table "$here/kernels/resources.txt")
  [ "$device" != sim ] || which=(gemm layernorm --arch sm_90a)
  step kernels 70 "$jepa" kernels "${which[@]}" --compile --jobs "$jobs" "${table[@]}" ||
    step kernels-compiled 20 "$jepa" kernels "${which[@]}" "${table[@]}"
  step parity-bf16 100 "$jepa" parity --device "$device:bf16" --jobs "$jobs" --limit $limit --out "$log/bf16-proof.jsonl" ${OPS:+--op "$OPS"}
  step parity-f32 100 "$jepa" parity --device "$device" --jobs "$jobs" --limit $limit --out "$log/f32-proof.jsonl" ${OPS:+--op "$OPS"}
  step large-bf16 60 "$jepa" parity --large --device "$device:bf16" --jobs "$jobs" --limit 55 --out "$log/large-bf16-proof.jsonl" ${LARGE:+--op "$LARGE"}
  # The oracle's minutes are the processor's; the sanitizer's are the GPU's.
  start large-f32 110 "$jepa" parity --large --device "$device" --jobs "$(((jobs + 1) / 2))" --limit 100 --out "$log/large-f32-proof.jsonl" ${LARGE:+--op "$LARGE"}
  sanitizer=$(find_tool compute-sanitizer)
  if [ "$device" = sim ]; then
    skip sanitizer 'the simulator checks each access itself'
  elif [ -z "$sanitizer" ]; then
    skip sanitizer 'there is no compute-sanitizer'
  else
    for tool in memcheck racecheck; do
      for op in MatMul Attention LayerNorm SigReg Sum AdamW PatchEmbed LatentLoss; do
        reap "$(((jobs + 1) / 2))"
        start "$tool-$op" 50 "$sanitizer" --tool $tool --target-processes all --error-exitcode 9 \
          "$jepa" parity --device "$device:bf16" --op $op --limit 45
      done
    done
  fi
  reap 0
  if [ "$device" = sim ]; then
    skip demo 'the simulator would take hours'
  else
    rm -rf "$work/demo"
    step demo 45 "$jepa" demo --device "$device:bf16" --steps 200 --episodes 50 --out "$work/demo"
  fi
}

# --- measure: one thing at a time; the steps' own budgets are 216 of the 270 seconds, the rest is for their starts ---
bench() { # NAME SECONDS OPTIONS...
  step "$1" "$2" "$jepa" bench --device "$device" --budget $(($2 - 12)) --limit "$limit" --out "$log/$1.jsonl" --md "${@:3}"
}

peer() { # SCRIPT SECONDS OPTIONS...
  step "$1" "$2" python3 "$here/peers/$1.py" --device "${device/sim/cpu}" --eager --budget $(($2 - 8)) --out "$log/$1.jsonl" "${@:3}"
}

counters() { # KERNEL OPERATION
  step "ncu-$1" 20 "$ncu" --clock-control none --set basic --target-processes all --kernel-name "regex:^$1\$" --launch-count 1 \
    "$jepa" bench --device "$device" --dtype bf16 --op "$2" --tokens 16384 --warm --budget 5
}

measure() {
  local missing='' tokens=2048,16384 ncu
  [ "$device" != sim ] || tokens=16
  doctor
  bench ops 56 --dtype bf16 --quick --tokens $tokens ${OPS:+--op "$OPS"}
  if [ "$device" = sim ]; then
    skip models 'the simulator would take days'
  else
    bench models 68 --dtype bf16 --model vjepa2-vitl-64,vjepa2-vitl-16,ijepa-vith,lewm-train,lewm-plan,demo-plan
  fi
  if ! command -v python3 >/dev/null; then missing='there is no python3'; elif ! timeout -k 2 20 python3 -c 'import torch' </dev/null; then missing='python3 has no torch'; fi
  if [ -n "$missing" ]; then
    skip peers "$missing"
  else
    peer peer_models 36 --dtype bf16 "${small[@]}" --model vjepa2-vitl-64,vjepa2-vitl-16,ijepa-vith
    peer peer_ops 36 --dtype bf16 "${small[@]}" --tokens $tokens
    peer peer_lewm 30 --dtype bf16 "${small[@]}" --model lewm-train,lewm-plan,demo-plan
    cat "$log"/peer_*.jsonl >"$log/peers.jsonl" 2>/dev/null
  fi
  ncu=$(find_tool ncu)
  if [ "$device" = sim ] || [ -z "$ncu" ]; then
    skip ncu 'there is no ncu'
  else
    counters gemm_nt_128x256 Linear
    counters attention_forward Attention
    counters attention_grad_keys Attention
    counters layer_norm_grad_1024 LayerNorm
  fi
  bench f32 30 --dtype f32 --tokens ${tokens%,*} --op "${OPS:-MatMul,Linear,Attention,LayerNorm,SigReg}"
  cat "$log"/{ops,models,f32}.jsonl >"$log/bench.jsonl" 2>/dev/null
  local peers=()
  [ ! -s "$log/peers.jsonl" ] || peers=(--peer "$log/peers.jsonl")
  [ ! -s "$log/bench.jsonl" ] || step table 10 "$jepa" bench --from "$log/bench.jsonl" --md "${peers[@]}"
}

$mode
finish
