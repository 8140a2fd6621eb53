. ../../net.sh
chain a r b
address a right 10.0.1.3/24
address a right 10.0.1.70/24
sets r <<'SETS'
create hosts hash:ip
add hosts 10.0.1.1
create nets hash:net
add nets 10.0.0.0/8
add nets 10.0.1.0/26 nomatch
add nets 10.0.1.1
create ends hash:ip,port
add ends 10.0.2.2,udp:3
add ends 10.0.2.2,icmp:echo-request
create ports bitmap:port range 0-1023
add ports 4
create both hash:net,port
add both 10.0.2.0/24,udp:5
create two hash:ip,port,ip
add two 10.0.2.2,udp:6,10.0.1.1
create three hash:ip,port,net
add three 10.0.2.2,udp:7,10.0.1.0/24
add three 10.0.2.2,udp:7,10.0.1.1 nomatch
create counted hash:net counters
add counted 10.0.0.0/8 packets 0 bytes 0
create iface hash:net,iface
add iface 10.0.1.0/24,left
add iface 10.0.2.0/24,rig wildcard
create all list:set
add all hosts
add all ports
SETS
rules r <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 1 -m set --match-set hosts src -j DROP
-A FORWARD -p udp -m udp --dport 1 -m set ! --match-set hosts dst
-A FORWARD -p udp -m udp --dport 2 -m set --match-set nets src -j DROP
-A FORWARD -p udp -m udp --dport 2 -m set --match-set nets src --return-nomatch
-A FORWARD -m set --match-set ends dst,dst -j DROP
-A FORWARD -p udp -m set --match-set ports dst -j DROP
-A FORWARD -m set --match-set both dst,dst -j DROP
-A FORWARD -m set --match-set two dst,dst,src -j DROP
-A FORWARD -m set --match-set three dst,dst,src -j DROP
-A FORWARD -p udp -m udp --dport 8 -m set --match-set iface src,src -j DROP
-A FORWARD -p udp -m udp --dport 9 -m set --match-set iface dst,dst -j DROP
-A FORWARD -p udp -m udp --dport 10 -m set --match-set all src -j DROP
-A FORWARD -p udp -m udp --dport 13 -m set --match-set counted src --packets-gt 2 -j DROP
-A FORWARD -p udp -m udp --dport 14 -m set ! --match-set counted src --packets-gt 4 -j DROP
-A FORWARD -p udp -m udp --dport 11 -m set --match-set both dst -j DROP
COMMIT
RULES
