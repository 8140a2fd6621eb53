. ../../net.sh
node node-1 1
pod pod-1 node-1 1 veth0 2
pod pod-2 node-1 1 veth1 3
pod pod-3 node-1 1 veth2 4
ip netns exec node-1 sysctl -qw net.bridge.bridge-nf-call-iptables=1
ip netns exec node-1 iptables -A FORWARD -m physdev --physdev-out veth2 -j DROP
ip netns exec node-1 iptables -A FORWARD -m conntrack --ctstate NEW -j ACCEPT
knows pod-1 eth0 10.244.1.3 02:00:0a:f4:01:03
