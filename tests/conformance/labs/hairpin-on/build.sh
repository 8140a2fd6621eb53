. ../../net.sh
segment a b c
learnt sw a 02:00:0a:00:00:77
bridge -n sw link set dev a hairpin on
