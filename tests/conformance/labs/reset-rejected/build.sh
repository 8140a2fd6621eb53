. ../../net.sh
chain a r b
rules r <<'R'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p tcp -j REJECT --reject-with tcp-reset
-A OUTPUT -s 10.0.1.1/32 -p tcp -j REJECT --reject-with icmp-admin-prohibited
COMMIT
R
