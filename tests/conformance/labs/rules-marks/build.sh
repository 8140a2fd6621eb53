. ../../net.sh
chain a r b
address b left 10.0.2.9/24
route r blackhole default table 7
ip -n r rule add fwmark 0x10/0x30 table 7
route a prohibit default table 8
ip -n a rule add fwmark 0x1 table 8
rules r <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 1 -j MARK --set-xmark 0x10/0xffffffff
-A PREROUTING -p udp -m udp --dport 2 -j MARK --set-xmark 0x30/0xffffffff
-A PREROUTING -p udp -m udp --dport 3 -j MARK --set-xmark 0xf0/0xff
-A PREROUTING -p udp -m udp --dport 3 -j MARK --set-xmark 0x20/0x0
-A PREROUTING -p udp -m udp --dport 3 -j MARK --set-xmark 0x0/0xc0
-A FORWARD -m mark --mark 0x30/0x30 -j DROP
-A FORWARD -m mark ! --mark 0x0 -j DROP
COMMIT
RULES
rules a <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -p udp -m udp --dport 5 -j MARK --set-xmark 0x1/0xffffffff
-A OUTPUT -p udp -m udp --dport 6 -j MARK --set-xmark 0x2/0xffffffff
COMMIT
RULES
