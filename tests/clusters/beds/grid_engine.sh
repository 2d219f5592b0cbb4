#!/usr/bin/env bash
# A Grid Engine of one node: queue all.q with 8 slots, parallel environment mp. grid_engine.sh FOLDER
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
ip addr add 10.77.0.1/24 dev lo # Grid Engine refuses a host whose name is a loopback address
own_hosts_file <<<$'127.0.0.1 localhost\n10.77.0.1 head'
cell=/var/lib/gridengine/default
cp -a $cell "$state/template"
own_folder $cell
cp -a "$state/template/." $cell
own_folder /var/spool/gridengine
mkdir -p /var/spool/gridengine/{qmaster/job_scripts,spooldb,execd}
chown -R sgeadmin $cell /var/spool/gridengine
sed -E 's/^(min_[ug]id) .*/\1 0/' /usr/share/gridengine/default-configuration >"$state/configuration" # root submits
mount --bind "$state/configuration" /usr/share/gridengine/default-configuration
export SGE_ROOT=/var/lib/gridengine SGE_CELL=default
cd /
runuser -u sgeadmin -- /usr/share/gridengine/scripts/init_cluster $SGE_ROOT $SGE_CELL /var/spool/gridengine/spooldb sgeadmin
echo head >$cell/common/act_qmaster
/usr/sbin/sge_qmaster
until_true runuser -u sgeadmin -- qconf -as head
qconf -am root || true # is one already, with some versions
qconf -ah head
/usr/sbin/sge_execd
cat >"$state/scheduler" <<'CONF'
algorithm default
schedule_interval 0:0:1
maxujobs 0
queue_sort_method load
job_load_adjustments NONE
load_adjustment_decay_time 0:0:0
load_formula slots
schedd_job_info false
flush_submit_sec 1
flush_finish_sec 1
params none
reprioritize_interval 0:0:0
halftime 168
usage_weight_list cpu=1.000000,mem=0.000000,io=0.000000
compensation_factor 5.000000
weight_user 0.250000
weight_project 0.250000
weight_department 0.250000
weight_job 0.250000
weight_tickets_functional 0
weight_tickets_share 0
share_override_tickets TRUE
share_functional_shares TRUE
max_functional_jobs_to_schedule 200
report_pjob_tickets TRUE
max_pending_tasks_per_job 50
halflife_decay_list none
policy_hierarchy OFS
weight_ticket 0.010000
weight_waiting_time 0.000000
weight_deadline 3600000.000000
weight_urgency 0.100000
weight_priority 1.000000
max_reservation 0
default_duration INFINITY
CONF
qconf -Msconf "$state/scheduler"
cat >"$state/pe" <<'CONF'
pe_name            mp
slots              64
user_lists         NONE
xuser_lists        NONE
start_proc_args    NONE
stop_proc_args     NONE
allocation_rule    $pe_slots
control_slaves     TRUE
job_is_first_task  TRUE
urgency_slots      min
accounting_summary FALSE
qsort_args         NONE
CONF
qconf -Ap "$state/pe"
{
    printf '%s\n' 'qname all.q' 'hostlist head' 'seq_no 0' 'load_thresholds NONE' 'suspend_thresholds NONE' 'nsuspend 1' \
        'suspend_interval 00:05:00' 'priority 0' 'min_cpu_interval 00:05:00' 'processors UNDEFINED' \
        'qtype BATCH INTERACTIVE' 'ckpt_list NONE' 'pe_list mp' 'rerun FALSE' 'slots 8' 'tmpdir /tmp' 'shell /bin/bash' \
        'prolog NONE' 'epilog NONE' 'shell_start_mode unix_behavior' 'starter_method NONE' 'suspend_method NONE' \
        'resume_method NONE' 'terminate_method NONE' 'notify 00:00:60' 'owner_list NONE' 'user_lists NONE' \
        'xuser_lists NONE' 'subordinate_list NONE' 'complex_values NONE' 'projects NONE' 'xprojects NONE' \
        'calendar NONE' 'initial_state default'
    for limit in rt cpu fsize data stack core rss vmem; do printf '%s INFINITY\n' "s_$limit" "h_$limit"; done
} >"$state/queue"
qconf -Aq "$state/queue"
until_true sh -c "qstat -f | grep -q '^all.q@head.* 0/0/8 '"
ready
