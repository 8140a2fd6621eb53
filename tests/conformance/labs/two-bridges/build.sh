. ../../net.sh
node node-1 1
pod pod-1 node-1 1 veth0 2
pod pod-2 node-1 1 veth1 3
ip netns exec node-1 sysctl -qw net.bridge.bridge-nf-call-iptables=1
bar node-1 vbr1 02:00:0a:f4:02:01 10.244.2.1/24
space pod-3
wire pod-3 eth0 02:00:0a:f4:02:02 node-1 veth3 02:00:00:02:00:02
plug node-1 veth3 vbr1
address pod-3 eth0 10.244.2.2/24
route pod-3 default via 10.244.2.1
ip netns exec node-1 iptables -A FORWARD -i vbr0 -o vbr1 -m physdev --physdev-in veth0 -p udp -j ACCEPT
ip netns exec node-1 iptables -A FORWARD -i vbr1 -o vbr0 -m physdev --physdev-in veth3 -p udp -j ACCEPT
ip netns exec node-1 iptables -A FORWARD -j DROP
knows node-1 vbr0 10.244.1.2 02:00:0a:f4:01:02
knows node-1 vbr0 10.244.1.3 02:00:0a:f4:01:03
ip netns exec node-1 ping -q -c1 -w5 10.244.1.2 >/dev/null
ip netns exec node-1 ping -q -c1 -w5 10.244.1.3 >/dev/null
