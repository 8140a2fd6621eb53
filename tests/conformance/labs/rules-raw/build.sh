. ../../net.sh
chain a r b
rules r <<'RULES'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 1 -j DROP
-A PREROUTING -p udp -m udp --dport 2 -j TRACE
-A PREROUTING -p udp -m udp --dport 2 -j LOG --log-prefix "raw "
-A OUTPUT -p icmp -j DROP
COMMIT
*security
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 3 -j DROP
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 4 -j DROP
-A POSTROUTING -p udp -m udp --dport 5 -j DROP
COMMIT
RULES
