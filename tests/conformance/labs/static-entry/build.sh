. ../../net.sh
segment a b c
bridge -n sw fdb add 02:00:0a:00:00:77 dev c master static
