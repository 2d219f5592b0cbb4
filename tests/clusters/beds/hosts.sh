#!/usr/bin/env bash
# Hosts head, w1, w2, ... (10.78.0.1, .2, .3, ...) that share the file system, with ssh between them: hosts.sh FOLDER NUMBER
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
number=$2
own_folder /run/netns
own_folder /run/sshd
ip link add br0 address 02:00:0a:4e:00:01 type bridge # else its address changes with every port
ip addr add 10.78.0.1/24 dev br0
ip link set br0 up
{
    printf '127.0.0.1 localhost\n10.78.0.1 head\n'
    for index in $(seq $((number - 1))); do printf '10.78.0.%d w%d\n' $((index + 1)) "$index"; done
} | own_hosts_file
mkdir "$state/ssh"
ssh-keygen -q -t ed25519 -N '' -f "$state/ssh/key"
ssh-keygen -q -t ed25519 -N '' -f "$state/ssh/host"
own_folder /etc/ssh
cat >/etc/ssh/sshd_config <<CONF
HostKey $state/ssh/host
AuthorizedKeysFile $state/ssh/key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
MaxStartups 200
CONF
cat >/etc/ssh/ssh_config <<CONF
Host *
  IdentityFile $state/ssh/key
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
CONF
/usr/sbin/sshd
for index in $(seq $((number - 1))); do
    name=w$index
    ip netns add "$name"
    ip link add "v$index" type veth peer name eth0 netns "$name"
    ip link set "v$index" master br0 up
    ip -n "$name" addr add "10.78.0.$((index + 1))/24" dev eth0
    ip -n "$name" link set eth0 up
    ip -n "$name" link set lo up
    ip netns exec "$name" unshare --uts sh -c "hostname $name; exec /usr/sbin/sshd"
    until_true ssh "$name" true
done
ready
