. ../../net.sh
toll
sets r <<'SETS'
create hides hash:net,iface
add hides 10.0.2.0/24,right
add hides 10.0.2.2/32,left
create begins hash:net,iface
add begins 10.0.2.0/24,right
add begins 10.0.2.2/32,le wildcard
add begins 10.0.2.2/32,ri wildcard
create passed hash:net,iface counters
add passed 10.0.2.0/24,right packets 0 bytes 0
add passed 10.0.2.2/32,right packets 0 bytes 0
SETS
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 1 -m set --match-set hides dst,dst -j DROP
-A FORWARD -p udp -m udp --dport 2 -m set --match-set begins dst,dst -j DROP
-A FORWARD -p udp -m udp --dport 3 -m set --match-set passed dst,dst --packets-lt 2 -j DROP
-A FORWARD -p udp -m udp --dport 4 -m set --match-set hides dst,src -j DROP
COMMIT
RULES
