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
-A FORWARD -p tcp -m ttl --ttl-eq 60 -m tcp ! --dport 80 -j DROP
-A FORWARD -p tcp -m ttl --ttl-eq 61 -m tcp ! --tcp-flags SYN SYN -j DROP
-A FORWARD -p tcp -m ttl --ttl-eq 62 -m tcp --tcp-option 2
-A FORWARD -p tcp -m ttl --ttl-eq 63 -m tcp
-A FORWARD -p udp -m ttl --ttl-eq 60 -m udp
-A FORWARD -p udp -m ttl --ttl-eq 61 -m udp ! --sport 9 -j DROP
-A FORWARD -p udp -m ttl --ttl-eq 62 -m multiport --dports 9
-A FORWARD -p icmp -m ttl --ttl-eq 60 -m icmp --icmp-type 8
-A FORWARD -p tcp -m ttl --ttl-eq 50 -m tcp --tcp-option 2 -j DROP
-A FORWARD -p tcp -m ttl --ttl-eq 50 -m tcp ! --tcp-option 4 -j DROP
-A FORWARD -p tcp -m ttl --ttl-eq 51 -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP
-A FORWARD -p tcp -m ttl --ttl-eq 51 -m tcp ! --tcp-flags ALL ACK -j DROP
-A FORWARD -p tcp -m ttl --ttl-eq 52 -m tcpmss --mss 1000:1400 -j DROP
-A FORWARD -p tcp -m ttl --ttl-eq 52 -m tcpmss ! --mss 0:1450 -j DROP
COMMIT
RULES
