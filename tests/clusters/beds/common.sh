# Sourced by the scripts of the test beds. They say "ready PID" on standard output once all servers are up, PID being the
# number of the bed's process 1 outside; or else "failed". What went wrong is in FOLDER/setup.log.
set -eu
state=$1
mkdir -p "$state"
exec 3>&1 >>"$state/setup.log" 2>&1
trap 'status=$?; [ $status = 0 ] || echo failed >&3' EXIT
hostname head
ip link set lo up

# Give a path for the bed alone: an empty file system in memory.
own_folder() {
    mkdir -p "$1"
    mount -t tmpfs -o mode=755 none "$1"
}

# Jobs that are killed leave semaphores behind.
own_folder /dev/shm
chmod 1777 /dev/shm

# Shells that sshd and batch systems start read these. They may wait for what a killed shell has left behind, as the lock
# of `pyenv init` for 60 s, and change what commands find.
home=$(getent passwd "$(id -u)" | cut -d: -f6)
for file in .bashrc .bash_profile .bash_login .profile .ssh/config; do
    [ ! -e "$home/$file" ] || mount --bind /dev/null "$home/$file"
done

own_hosts_file() {
    cat >"$state/etc-hosts"
    mount --bind "$state/etc-hosts" /etc/hosts
}

# Try a command until it succeeds.
until_true() {
    local deadline=$((SECONDS + 30))
    while [ $SECONDS -lt $deadline ]; do
        timeout 10 "$@" && return 0
        sleep 0.1
    done
    echo "in vain: $*"
    return 1
}

ready() {
    echo "ready $BED_PID" >&3
}
