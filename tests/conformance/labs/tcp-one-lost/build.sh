. ../../net.sh
chain a b c
rules b <<R
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -p tcp --sport 40000 -m statistic --mode nth --every 1000 --packet 0 -j DROP
-A FORWARD -p tcp --dport 40001 -m statistic --mode nth --every 1000 --packet 0 -j DROP
-A FORWARD -p tcp --sport 40002 -m statistic --mode nth --every 1000 --packet 1 -j DROP
-A FORWARD -p tcp --sport 40003 -m statistic --mode nth --every 1000 --packet 2 -j DROP
-A FORWARD -p tcp --dport 40004 -m statistic --mode nth --every 1000 --packet 1 -j DROP
-A FORWARD -p tcp --dport 40005 -m statistic --mode nth --every 1000 --packet 2 -j DROP
-A FORWARD -p tcp --sport 40006 -m statistic --mode nth --every 1000 --packet 3 -j DROP
-A FORWARD -p tcp --dport 40007 -m statistic --mode nth --every 1000 --packet 3 -j DROP
-A FORWARD -p tcp --dport 40008 -m statistic --mode nth --every 1000 --packet 4 -j DROP
COMMIT
R
