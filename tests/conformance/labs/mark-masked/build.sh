. ../../net.sh
fork_in_the_road
route r default via 10.0.3.2 table 100
route r 10.9.0.0/16 via 10.0.2.2
route r prohibit default table 101
ip -n r rule add fwmark 0x10/0xf0 priority 100 table 100
ip -n r rule add fwmark 0x1/0x1 priority 101 table 101
ip -n r rule add fwmark 0/0x2 priority 102 table 100
rules r <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 1 -j MARK --set-xmark 0x10/0xffffffff
-A PREROUTING -p udp -m udp --dport 2 -j MARK --set-xmark 0x1f/0xffffffff
-A PREROUTING -p udp -m udp --dport 3 -j MARK --set-xmark 0x21/0xffffffff
-A PREROUTING -p udp -m udp --dport 4 -j MARK --set-xmark 0x2/0xffffffff
-A PREROUTING -p udp -m udp --dport 5 -j MARK --set-xmark 0x110/0xffffffff
-A PREROUTING -p udp -m udp --dport 6 -j MARK --set-xmark 0x20/0xffffffff
COMMIT
RULES
