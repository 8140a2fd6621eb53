# Shared by the labs' build.sh: namespaces, wires, bridges and the two shapes the labs use most, by plain ip, bridge and sysctl.
# Every MAC address is given, so that two recordings of one lab show the same frames.
set -eu

# space NAME...: namespaces with lo up. What a new namespace inherits from the machine is set to the kernel's own defaults;
# IPv6 and netfilter on bridges are off.
space() {
  local n
  for n; do
    ip netns add "$n"
    ip netns exec "$n" sysctl -qw net.ipv4.ip_forward=0
    ip netns exec "$n" sysctl -qw net.ipv6.conf.{all,default}.disable_ipv6=1 net.ipv4.conf.{all,default}.{rp_filter,arp_ignore,arp_announce,arp_accept}=0
    ip netns exec "$n" sysctl -eqw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 net.bridge.bridge-nf-call-arptables=0
    # The kernel's own default, cubic, may not be chosen in a namespace; Reno begins in the same way.
    ip netns exec "$n" sysctl -qw net.ipv4.tcp_congestion_control=reno
    ip -n "$n" link set lo up
  done
}

# forwards NS...: these forward
forwards() { local n; for n; do ip netns exec "$n" sysctl -qw net.ipv4.ip_forward=1; done; }

# wire NS DEV MAC NS DEV MAC: a veth pair, both ends up
wire() {
  ip -n "$1" link add name "$2" address "$3" type veth peer name "$5" address "$6" netns "$4"
  ip -n "$1" link set dev "$2" up
  ip -n "$4" link set dev "$5" up
}

# bar NS DEV MAC [ADDRESS/LENGTH]: a bridge
bar() {
  ip -n "$1" link add name "$2" address "$3" type bridge
  ip -n "$1" link set dev "$2" up
  [ -z "${4:-}" ] || address "$1" "$2" "$4"
}

# plug NS DEV BRIDGE; address NS DEV ADDRESS/LENGTH; route NS ROUTE...
plug() { ip -n "$1" link set dev "$2" master "$3"; }
address() { ip -n "$1" address add "$3" broadcast + dev "$2"; }
route() { local n=$1; shift; ip -n "$n" route add "$@"; }

# knows NS DEV ADDRESS MAC [STATE]: a neighbour;  learnt NS PORT MAC: a forwarding entry, as if learnt
knows() { ip -n "$1" neighbour replace "$3" lladdr "$4" dev "$2" nud "${5:-reachable}"; }
learnt() { bridge -n "$1" fdb replace "$3" dev "$2" master dynamic; }

# tunnel NS DEV MAC NETWORK ADDRESS [ARGUMENT...]: a VXLAN device on port 4789, up; it takes its MTU from `dev`, if there is one
tunnel() {
  ip -n "$1" link add name "$2" address "$3" type vxlan id "$4" local "$5" dstport 4789 "${@:6}"
  ip -n "$1" link set dev "$2" up
}
# far NS DEV MAC REMOTE [ARGUMENT...]: a forwarding entry of a VXLAN device
far() { bridge -n "$1" fdb append "$3" dev "$2" dst "$4" "${@:5}"; }

# segment NAME...: a switch `sw` with bridge br0 and a station of each name, the Nth with eth0 10.0.0.N/24 on port NAME
segment() {
  local name n=0
  space sw
  bar sw br0 02:00:00:00:00:ff
  for name; do
    n=$((n + 1))
    space "$name"
    wire "$name" eth0 "02:00:0a:00:00:0$n" sw "$name" "02:00:00:00:00:0$n"
    plug sw "$name" br0
    address "$name" eth0 "10.0.0.$n/24"
  done
}

# node NAME I: a forwarding node with the bridge vbr0, 10.244.I.1/24
node() {
  space "$1"
  forwards "$1"
  bar "$1" vbr0 "02:00:0a:f4:0$2:01" "10.244.$2.1/24"
}

# pod NAME NODE I VETH H: a pod with eth0 10.244.I.H/24 on the node's vbr0 by VETH
pod() {
  space "$1"
  wire "$1" eth0 "02:00:0a:f4:0$3:0$5" "$2" "$4" "02:00:00:0$3:00:0$5"
  plug "$2" "$4" vbr0
  address "$1" eth0 "10.244.$3.$5/24"
  route "$1" default via "10.244.$3.1"
}

# underlay: a switch for nodes;  uplink NODE I: the node's eth0, 192.0.2.1I/24, on it
underlay() { space switch; bar switch sw0 02:00:00:00:00:fe; }
uplink() {
  wire "$1" eth0 "02:00:c0:00:02:1$2" switch "$1" "02:00:00:00:ff:1$2"
  plug switch "$1" sw0
  address "$1" eth0 "192.0.2.1$2/24"
}

# chain NAME...: a row of namespaces, each wired to the next; between the Nth and its right neighbour lies 10.0.N.0/24, with .1 on
# the left's `right` and .2 on the right's `left`. All but the ends forward; everyone's default route leads right, and what lies on
# the left has a route of its own.
chain() {
  local names=("$@") n=${#} i j
  space "$@"
  for ((i = 1; i < n; i++)); do
    wire "${names[i - 1]}" right "02:00:0a:00:0$i:01" "${names[i]}" left "02:00:0a:00:0$i:02"
    address "${names[i - 1]}" right "10.0.$i.1/24"
    address "${names[i]}" left "10.0.$i.2/24"
  done
  for ((i = 0; i < n - 1; i++)); do
    route "${names[i]}" default via "10.0.$((i + 1)).2"
    [ "$i" = 0 ] || forwards "${names[i]}"
  done
  for ((i = 1; i < n; i++)); do
    for ((j = 1; j < i; j++)); do route "${names[i]}" "10.0.$j.0/24" via "10.0.$i.1"; done
  done
}

# set_in NS NAME=VALUE...: settings
set_in() { local n=$1; shift; ip netns exec "$n" sysctl -qw "$@"; }

# fork_in_the_road: `a`, 10.0.1.1, behind the router `r` by 10.0.1.2 on `left`; from there `up1` leads to `b`, 10.0.2.2, and `up2` to
# `c`, 10.0.3.2, which both answer for all of 10.9.0.0/16. Who is to go where, r does not know yet.
fork_in_the_road() {
  local n i=1
  space a r b c
  forwards r
  wire a eth0 02:00:0a:00:01:01 r left 02:00:0a:00:01:02
  wire r up1 02:00:0a:00:02:01 b eth0 02:00:0a:00:02:02
  wire r up2 02:00:0a:00:03:01 c eth0 02:00:0a:00:03:02
  address a eth0 10.0.1.1/24
  address r left 10.0.1.2/24
  route a default via 10.0.1.2
  for n in b c; do
    i=$((i + 1))
    address r "up$((i - 1))" "10.0.$i.1/24"
    address "$n" eth0 "10.0.$i.2/24"
    route "$n" default via "10.0.$i.1"
    route "$n" local 10.9.0.0/16 dev lo
  done
}

# rule NS TABLE RULE...: one rule of iptables
rule() { local n=$1 table=$2; shift 2; ip netns exec "$n" iptables -t "$table" "$@"; }

# toll: client `a`, 10.0.1.1, a router `r` with 10.0.1.2 on `left` and 10.0.2.1 on `right`, and server `b`, 10.0.2.2; everyone knows
# everyone, so that no ARP is in the way. To a, 10.96.0.0/24 lies behind r as well.
toll() {
  chain a r b
  knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
  knows r left 10.0.1.1 02:00:0a:00:01:01 permanent
  knows r right 10.0.2.2 02:00:0a:00:02:02 permanent
  knows b left 10.0.2.1 02:00:0a:00:02:01 permanent
}

# rules NS: the rules of a namespace, as iptables-restore reads them from standard input;  sets NS: its sets, as ipset does
rules() { ip netns exec "$1" iptables-restore; }
sets() { ip netns exec "$1" ipset restore; }
