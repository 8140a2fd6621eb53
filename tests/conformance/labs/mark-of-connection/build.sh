. ../../net.sh
fork_in_the_road
route r 10.9.0.0/16 via 10.0.2.2
route r default via 10.0.2.2 table 102
route r default via 10.0.3.2 table 103
ip -n r rule add fwmark 2 iif left table 102
ip -n r rule add fwmark 3 iif left table 103
rules r <<'RULES'
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i up1 -m conntrack --ctstate NEW -j CONNMARK --set-xmark 0x2/0xffffffff
-A PREROUTING -i up2 -m conntrack --ctstate NEW -j CONNMARK --set-xmark 0x3/0xffffffff
-A PREROUTING -i left -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
COMMIT
RULES
