. ../../net.sh
node node-1 1
pod pod-1 node-1 1 veth0 2
pod pod-2 node-1 1 veth1 3
ip netns exec node-1 sysctl -qw net.bridge.bridge-nf-call-iptables=1
underlay
uplink node-1 1
space far
wire far eth0 02:00:c0:00:02:20 switch far 02:00:00:00:ff:20
plug switch far sw0
address far eth0 192.0.2.20/24
route far 10.244.1.0/24 via 192.0.2.11
ip netns exec node-1 iptables -P FORWARD DROP
ip netns exec node-1 iptables -A FORWARD -m physdev --physdev-in veth0 ! --physdev-is-bridged -p udp --dport 53 -j ACCEPT
ip netns exec node-1 iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
knows node-1 vbr0 10.244.1.2 02:00:0a:f4:01:02
knows node-1 vbr0 10.244.1.3 02:00:0a:f4:01:03
ip netns exec node-1 ping -q -c1 -w5 10.244.1.2 >/dev/null
ip netns exec node-1 ping -q -c1 -w5 10.244.1.3 >/dev/null
