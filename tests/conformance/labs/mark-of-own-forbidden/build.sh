. ../../net.sh
fork_in_the_road
route r 10.9.0.0/16 via 10.0.2.2
route r prohibit default table 101
ip -n r rule add fwmark 1 table 101
route r unreachable default table 102
ip -n r rule add fwmark 2 table 102
route r blackhole default table 103
ip -n r rule add fwmark 3 table 103
route r throw default table 104
ip -n r rule add fwmark 4 table 104
rules r <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -p udp -m udp --dport 1 -j MARK --set-xmark 0x1/0xffffffff
-A OUTPUT -p udp -m udp --dport 2 -j MARK --set-xmark 0x2/0xffffffff
-A OUTPUT -p udp -m udp --dport 3 -j MARK --set-xmark 0x3/0xffffffff
-A OUTPUT -p udp -m udp --dport 4 -j MARK --set-xmark 0x4/0xffffffff
COMMIT
RULES
