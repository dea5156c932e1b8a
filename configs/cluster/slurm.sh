#!/usr/bin/env bash
# A search on the nodes of a Slurm allocation: Ray starts on each of them, and ends with the job.
# Command: NAS_RUNS=/shared/runs sbatch configs/cluster/slurm.sh CONFIG [section.key=value ...]
# Time: that of the search. Two minutes before the job's time limit the search stops cleanly, and
# the job is put back into the queue, where it goes on; so it does when a node fails.
# Result: the run in $NAS_RUNS, as by `nas search CONFIG`; the log in slurm-JOB.out.
#
# sbatch passes on the environment, so activate the one in which convattn is installed before. It,
# the data and $NAS_RUNS must lie on a file system that all nodes share. Other files serve other
# partitions; options of sbatch, such as --nodes=4 --gpus-per-node=8, come before those here.
#SBATCH --job-name=convattn
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=2
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail
: "${NAS_RUNS:?set it to the folder of all runs, which all nodes share}"

# Whoever has the token may run code on these nodes: a new one for each job, in a file that its
# user alone can read. Only the file's path is in the environment.
umask 077
secret=$(mktemp -d "$HOME/.convattn-slurm-$SLURM_JOB_ID-XXXXXX")
python -c 'import secrets; print(secrets.token_hex(32), end="")' > "$secret/token"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$secret/token"
unset RAY_AUTH_TOKEN RAY_ADDRESS

logs="${TMPDIR:-/tmp}/ray-$SLURM_JOB_ID" # of Ray, on each node; kept if the job fails

running=()
finish() {
    trap - TERM EXIT
    rm -rf "$secret" # first: Slurm kills a cancelled job that takes long to end
    ((${#running[@]})) && kill -TERM "${running[@]}" 2>/dev/null
    wait
}
trap finish EXIT

# Ports are free ones, so that several jobs can share a node.
read -r head port client_port < <(python -c '
import socket, ray
with socket.socket() as one, socket.socket() as other:
    one.bind(("", 0))
    other.bind(("", 0))
    print(ray.util.get_node_ip_address(), one.getsockname()[1], other.getsockname()[1])')
options=(--num-cpus="${SLURM_CPUS_PER_TASK:-1}" --num-gpus="${SLURM_GPUS_ON_NODE:-0}"
    --dashboard-agent-listen-port=0 --disable-usage-stats --block)
ray start --head --node-ip-address="$head" --port="$port" --include-dashboard=false \
    --ray-client-server-port="$client_port" --temp-dir="$logs" "${options[@]}" &
running+=($!)
others=$((SLURM_JOB_NUM_NODES - 1))
if ((others)); then
    # srun takes the CPUs of a task from no variable of sbatch any more
    srun --nodes="$others" --ntasks="$others" --exclude="$SLURMD_NODENAME" \
        --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
        ray start --address="$head:$port" "${options[@]}" &
    running+=($!)
fi
python -c '
import sys, time, ray
address, nodes = sys.argv[1], int(sys.argv[2])
until = time.monotonic() + 300
while True:
    try:
        if not ray.is_initialized():
            ray.init(address, logging_level="ERROR", log_to_driver=False)
        there = sum(node["Alive"] for node in ray.nodes())
        if there == nodes:
            break
        reason = f"{there} of {nodes} nodes are there"
    except ConnectionError as error:
        reason = str(error)
    if time.monotonic() > until:
        sys.exit(f"within 300 s {reason}")
    time.sleep(1)' "$head:$port" "$SLURM_JOB_NUM_NODES" &
all_there=$!
if ! wait -n "${running[@]}" "$all_there"; then # the first of them that ends
    echo "error: Ray did not start on the nodes; its messages stand above" >&2
    kill -KILL "$all_there" 2>/dev/null || true
    exit 1
fi

nas search "$@" ray.address="$head:$port" --resume-or-start --runs "$NAS_RUNS" &
search=$!
running+=("$search")
out_of_time=""
trap 'out_of_time=yes; kill -TERM "$search" 2>/dev/null' USR1
trap 'kill -TERM "$search" 2>/dev/null' TERM # by scancel: it is not put back
status=0
while true; do # a signal ends `wait`, and not the search
    wait "$search" && status=0 || status=$?
    kill -0 "$search" 2>/dev/null || break
done
((status)) || rm -rf "$logs"
if [[ -n "$out_of_time" && "$status" -ne 0 ]]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
