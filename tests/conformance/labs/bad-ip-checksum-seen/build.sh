. ../../net.sh
segment a b
ip netns exec sw sysctl -qw net.bridge.bridge-nf-call-iptables=1
