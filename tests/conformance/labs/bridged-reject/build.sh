. ../../net.sh
node node-1 1
pod pod-1 node-1 1 veth0 2
pod pod-2 node-1 1 veth1 3
ip netns exec node-1 sysctl -qw net.bridge.bridge-nf-call-iptables=1
ip netns exec node-1 iptables -A FORWARD -p udp --dport 53 -j REJECT
ip netns exec node-1 iptables -A FORWARD -p tcp --dport 53 -j REJECT
knows node-1 vbr0 10.244.1.2 02:00:0a:f4:01:02
knows node-1 vbr0 10.244.1.3 02:00:0a:f4:01:03
ip netns exec node-1 ping -q -c1 -w5 10.244.1.2 >/dev/null
ip netns exec node-1 ping -q -c1 -w5 10.244.1.3 >/dev/null
