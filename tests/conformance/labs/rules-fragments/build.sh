. ../../net.sh
chain a r b
knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
knows r right 10.0.2.2 02:00:0a:00:02:02 permanent
knows r left 10.0.1.1 02:00:0a:00:01:01 permanent
knows b left 10.0.2.1 02:00:0a:00:02:01 permanent
rules b <<'RULES'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -j DROP
COMMIT
RULES
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 53 -j DROP
-A FORWARD -p udp -m udp ! --dport 99 -m comment --comment "first pieces only"
-A FORWARD -f -m ttl --ttl-eq 33 -j DROP
-A FORWARD ! -f -m ttl --ttl-eq 34 -j DROP
-A FORWARD -p udp -m multiport --dports 54 -j DROP
-A FORWARD -p udp -m udp --dport 31097 -m ttl --ttl-eq 35 -m comment --comment "the payload taken for a port" -j DROP
COMMIT
RULES
