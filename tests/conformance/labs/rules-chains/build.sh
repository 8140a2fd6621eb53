. ../../net.sh
chain a r b
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:inner - [0:0]
:outer - [0:0]
:last - [0:0]
-A FORWARD -s 10.0.2.0/24 -j ACCEPT
-A FORWARD -p udp -m udp --dport 1:9 -j outer
-A FORWARD -p udp -m udp --dport 3 -j ACCEPT
-A FORWARD -p udp -m udp --dport 10 -g last
-A FORWARD -j RETURN
-A FORWARD -j ACCEPT
-A inner -p udp -m udp --dport 1 -j ACCEPT
-A inner -p udp -m udp --dport 2 -j DROP
-A inner -p udp -m udp --dport 3 -j RETURN
-A inner -p udp -m udp --dport 4 -g last
-A inner -p udp -m udp --dport 5
-A outer -j inner
-A outer -p udp -m udp --dport 4 -j ACCEPT
-A outer -p udp -m udp --dport 5 -j ACCEPT
-A last -p udp -m udp --dport 10 -m comment --comment "back in the policy"
COMMIT
RULES
