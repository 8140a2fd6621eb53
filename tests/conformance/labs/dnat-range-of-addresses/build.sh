. ../../net.sh
toll
address b left 10.0.2.3/24; knows r right 10.0.2.3 02:00:0a:00:02:02 permanent
address b left 10.0.2.4/24; knows r right 10.0.2.4 02:00:0a:00:02:02 permanent
address b left 10.0.2.5/24; knows r right 10.0.2.5 02:00:0a:00:02:02 permanent
address b left 10.0.2.6/24; knows r right 10.0.2.6 02:00:0a:00:02:02 permanent
address b left 10.0.2.7/24; knows r right 10.0.2.7 02:00:0a:00:02:02 permanent
address b left 10.0.2.8/24; knows r right 10.0.2.8 02:00:0a:00:02:02 permanent
address b left 10.0.2.9/24; knows r right 10.0.2.9 02:00:0a:00:02:02 permanent
rule r nat -A PREROUTING -d 10.96.0.0/24 -j DNAT --to-destination 10.0.2.2-10.0.2.9
