. ../../net.sh
chain a r b
knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
knows r right 10.0.2.2 02:00:0a:00:02:02 permanent
knows r left 10.0.1.1 02:00:0a:00:01:01 permanent
knows b left 10.0.2.1 02:00:0a:00:02:01 permanent
rules r <<'RULES'
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -m ttl --ttl-eq 60 -m rpfilter --invert -j DROP
-A PREROUTING -m ttl --ttl-eq 61 -m rpfilter --loose --invert -j DROP
-A PREROUTING -m ttl --ttl-eq 62 -m rpfilter --loose --accept-local -j DROP
-A PREROUTING -m ttl --ttl-eq 63 -m rpfilter -j DROP
COMMIT
RULES
