# Makes the inside of the cluster, in its own namespaces: nothing of this is seen by the machine, and all of it ends
# with the last process in there.
set -eu
run=$1 node=$2 uplink=$3 host=$4 services=$5 name=$6

# what the machine mounts later is seen here, not the other way round; what a pod mounts is seen by the kubelet
mount --make-rslave /
mount --make-rshared /
mount -t proc proc /proc

# the kubelet sets these of the whole machine: here it writes to files that stand in their places
mkdir -p "$run/sysctl"
for key in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \
  kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  file=$run/sysctl/$(echo "$key" | tr / .)
  cat "/proc/sys/$key" > "$file"
  mount --bind "$file" "/proc/sys/$key"
done

# the node has the places that charts expect, and the machine keeps its own
mkdir -p "$run/var-lib" "$run/var-log"
mount --bind "$run/var-lib" /var/lib
mount --bind "$run/var-log" /var/log
mount -t tmpfs -o mode=755 tmpfs /run

# nothing else of the machine's files is written to: containerd would make a folder in /opt
mount --bind "$run" "$run"
mount -o remount,bind,ro /

echo "$name" > /proc/sys/kernel/hostname

ip link set lo up
ip link add cni0 type bridge
ip address add "$node/24" dev cni0
ip link set cni0 up
ip address add "$uplink/30" dev uplink
ip link set uplink up
ip route add default via "$host"
echo 1 > /proc/sys/net/ipv4/ip_forward
# from pod to pod by way of a Service: the answers must pass kube-proxy's rules too
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter
echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
# a Service that kube-proxy does not know yet is refused at once: else the packet leaves for the machine and is lost, and
# a connection whose first packet was not translated never is (by a reset, since the kernel sends one ICMP a second)
for chain in FORWARD OUTPUT; do
  iptables -A "$chain" -d "$services" -p tcp -j REJECT --reject-with tcp-reset
done
