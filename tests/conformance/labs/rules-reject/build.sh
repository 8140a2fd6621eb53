. ../../net.sh
chain a r b
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 1 -j REJECT --reject-with icmp-net-unreachable
-A FORWARD -p udp -m udp --dport 2 -j REJECT --reject-with icmp-host-unreachable
-A FORWARD -p udp -m udp --dport 3 -j REJECT --reject-with icmp-proto-unreachable
-A FORWARD -p udp -m udp --dport 4 -j REJECT --reject-with icmp-port-unreachable
-A FORWARD -p udp -m udp --dport 5 -j REJECT --reject-with icmp-net-prohibited
-A FORWARD -p udp -m udp --dport 6 -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -p udp -m udp --dport 7 -j REJECT --reject-with icmp-admin-prohibited
COMMIT
RULES
