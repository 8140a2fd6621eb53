. ../../net.sh
chain a r b
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 53 -m statistic --mode nth --every 3 --packet 0 -j ACCEPT
-A FORWARD -p udp -m udp --dport 53 -m statistic --mode nth --every 2 --packet 0 -j DROP
-A FORWARD -p udp -m udp --dport 54 -m statistic --mode nth --every 3 --packet 2 -j DROP
-A FORWARD -p udp -m udp --dport 55 -m statistic --mode nth ! --every 4 --packet 1 -j DROP
COMMIT
RULES
