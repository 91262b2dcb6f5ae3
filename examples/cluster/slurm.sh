#!/usr/bin/env bash
# Ray on the machines of a Slurm job, and mfdvep on it.
#
#   sbatch examples/cluster/slurm.sh in.vcf.gz genome.fa out.vcf.gz
#
# All machines see the same files by the same paths, and the same Python with mfdvep[ray].
#SBATCH --job-name=mfdvep
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
# one worker a GPU, where there are some:
##SBATCH --gpus-per-node=4
set -euo pipefail
vcf=$1 fasta=$2 out=$3

export RAY_USAGE_STATS_ENABLED=0 # nothing is told to the makers of Ray
# only who can read this user's home may use the cluster (Ray 2.52 and later)
export RAY_AUTH_MODE=token
ray get-auth-token --generate >/dev/null
# since Slurm 22.05 srun does not take over what sbatch was told of CPUs
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
port=${RAY_PORT:-6379}
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${hosts[0]}
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}')
trap 'kill $(jobs -p)' EXIT
start=(ray start --block --num-cpus="$SLURM_CPUS_PER_TASK")

srun --nodes=1 --ntasks=1 --nodelist="$head" \
	"${start[@]}" --head --node-ip-address="$address" --port="$port" &
until (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; do
	kill -0 $! # else it has ended, and so does this
	sleep 1
done
if ((${#hosts[@]} > 1)); then
	srun --nodes=$((${#hosts[@]} - 1)) --ntasks=$((${#hosts[@]} - 1)) --exclude="$head" \
		"${start[@]}" --address="$address:$port" &
fi
# mfdvep takes machines as they come; a job that Slurm ran again goes on where it was
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
	mfdvep score "$vcf" -f "$fasta" -o "$out" --ray "$address:$port" --write-index --resume
