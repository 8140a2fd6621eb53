. ../../net.sh
chain a b c
knows a right 10.0.1.2 02:00:0a:00:01:02 permanent
knows b left 10.0.1.1 02:00:0a:00:01:01 permanent
knows b right 10.0.2.2 02:00:0a:00:02:02 permanent
knows c left 10.0.2.1 02:00:0a:00:02:01 permanent
set_in a net.ipv4.tcp_sack=0
rules b <<R
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -p tcp --dport 40000 -m statistic --mode nth --every 1000 --packet 3 -j DROP
-A FORWARD -p tcp --dport 40001 -m statistic --mode nth --every 1000 --packet 7 -j DROP
-A FORWARD -p tcp --dport 40002 -m statistic --mode nth --every 1000 --packet 9 -j DROP
-A FORWARD -p tcp --dport 40003 -m statistic --mode nth --every 1000 --packet 5 -j DROP
-A FORWARD -p tcp --dport 40003 -m statistic --mode nth --every 1000 --packet 5 -j DROP
COMMIT
R
