. ../../net.sh
fork_in_the_road

route r 10.9.0.0/16 via 10.0.2.2
route r default via 10.0.3.2 table 100
ip -n r rule add fwmark 1 table 100
set_in r net.ipv4.conf.up1.rp_filter=1 net.ipv4.conf.up2.rp_filter=1 net.ipv4.conf.up2.src_valid_mark=1
rules r <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i up2 -j MARK --set-xmark 0x1/0xffffffff
COMMIT
RULES
route r 10.0.1.0/24 dev left table 100
