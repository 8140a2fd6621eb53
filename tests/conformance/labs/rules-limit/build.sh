. ../../net.sh
chain a r b
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 53 -m limit --limit 3/sec --limit-burst 2 -j ACCEPT
-A FORWARD -p udp -m udp --dport 53 -j DROP
COMMIT
RULES
