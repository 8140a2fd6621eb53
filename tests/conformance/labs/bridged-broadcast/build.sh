. ../../net.sh
node node-1 1
pod pod-1 node-1 1 veth0 2
pod pod-2 node-1 1 veth1 3
ip netns exec node-1 sysctl -qw net.bridge.bridge-nf-call-iptables=1
ip netns exec node-1 iptables -A FORWARD -m conntrack --ctstate NEW -j ACCEPT
