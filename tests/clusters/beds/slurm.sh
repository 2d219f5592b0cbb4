#!/usr/bin/env bash
# A Slurm of three nodes with 4 CPUs each (declared, not there): slurm.sh FOLDER
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
ip addr add 10.77.0.1/24 dev lo # names are resolved only if there is an address besides 127.0.0.1
own_hosts_file <<<$'127.0.0.1 localhost\n10.77.0.1 head'
for folder in /run/munge /var/lib/munge /var/log/munge; do
    own_folder $folder
    chown munge $folder
    chmod 755 $folder
done
head -c 1024 /dev/urandom >/var/lib/munge/own.key
chown munge /var/lib/munge/own.key
chmod 400 /var/lib/munge/own.key
runuser -u munge -- /usr/sbin/munged --key-file=/var/lib/munge/own.key --socket=/run/munge/munge.socket.2 \
    --pid-file=/run/munge/own.pid --log-file=/var/log/munge/own.log --seed-file=/var/lib/munge/own.seed
mkdir -p "$state"/{ctld,log} "$state"/spool.n{1,2,3}
own_folder /etc/slurm
cat >/etc/slurm/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=head(10.77.0.1)
AuthType=auth/munge
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/spool.%n
SlurmctldPidFile=$state/ctld.pid
SlurmdPidFile=$state/slurmd.%n.pid
SlurmctldLogFile=$state/log/ctld.log
SlurmdLogFile=$state/log/slurmd.%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=20
OverTimeLimit=0
MinJobAge=300
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0
SlurmdTimeout=60
NodeName=n[1-3] NodeHostname=head NodeAddr=10.77.0.1 Port=[17001-17003] CPUs=4 RealMemory=4000 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes=n[1-3] Default=NO MaxTime=INFINITE State=UP PriorityTier=9
CONF
/usr/sbin/slurmctld -i
for node in n1 n2 n3; do /usr/sbin/slurmd -N $node; done
until_true sh -c '[ "$(sinfo -h -o %t | sort -u)" = idle ]'
ready
