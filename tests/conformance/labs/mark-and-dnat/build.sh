. ../../net.sh
fork_in_the_road
route r default via 10.0.3.2 table 100
route r 10.9.0.0/16 via 10.0.2.2
ip -n r rule add fwmark 1 table 100
rules r <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 80 -j MARK --set-xmark 0x1/0xffffffff
COMMIT
RULES
rules r <<'RULES'
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.1/32 -p udp -m udp -j DNAT --to-destination 10.9.0.1:53
COMMIT
RULES
