. ../../net.sh
segment a b
learnt sw a 02:00:0a:00:00:01
learnt sw b 02:00:0a:00:00:02
knows a eth0 10.0.0.2 02:00:0a:00:00:02 permanent
knows b eth0 10.0.0.1 02:00:0a:00:00:01 permanent
ip -n sw link set dev br0 type bridge mcast_snooping 0
ip netns exec sw sysctl -qw net.bridge.bridge-nf-call-iptables=1
rule sw filter -P FORWARD DROP
rule sw filter -A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
