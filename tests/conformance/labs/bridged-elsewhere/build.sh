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
ip netns exec node-1 iptables -t nat -A PREROUTING -d 10.96.0.10/32 -p udp --dport 53 -j DNAT --to-destination 192.0.2.20:5353
ip netns exec node-1 iptables -t mangle -A PREROUTING -p udp -m ttl --ttl-eq 64 -m comment --comment "counted once"
