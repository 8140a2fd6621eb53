. ../../net.sh
chain a r b c
ip -n b link set dev right mtu 700
ip -n c link set dev left mtu 700
rules r <<'R'
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.1/32 -j DNAT --to-destination 10.0.3.2
-A PREROUTING -d 10.96.0.2/32 -j DNAT --to-destination 10.0.2.2
-A PREROUTING -d 10.96.0.3/32 -j DNAT --to-destination 10.77.0.1
-A POSTROUTING -o right -j SNAT --to-source 10.0.2.1-10.0.2.1
COMMIT
R
route a 10.96.0.0/24 via 10.0.1.2
route b unreachable 10.77.0.0/24
rules b <<'R'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 1 -j REJECT --reject-with icmp-net-unreachable
-A FORWARD -p udp -m udp --dport 2 -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -p tcp -m tcp --dport 3 -j REJECT --reject-with tcp-reset
-A FORWARD -p tcp -m tcp --dport 4 -j REJECT --reject-with icmp-proto-unreachable
-A INPUT -p icmp -m icmp --icmp-type 8 -j REJECT --reject-with icmp-net-prohibited
COMMIT
R
