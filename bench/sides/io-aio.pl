# The same reads by IO::AIO with 8 threads: io-aio.pl FILE DEPTH SECONDS prints reads, seconds, CPU seconds.
use strict;
use warnings;
use IO::AIO;
use List::Util qw(shuffle);
use Time::HiRes qw(time);

use constant PAGE => 4096;

my ($path, $depth, $seconds) = @ARGV;
IO::AIO::min_parallel 8;
IO::AIO::max_parallel 8;

open my $file, "<", $path or die "$path: $!";
my @offsets = map { $_ * PAGE } shuffle 0 .. (-s $file) / PAGE - 1;
my @buffers = ("\0" x PAGE) x $depth;
my ($next, $done, $in_flight, $more) = (0, 0, 0, 1);

sub start {
  my ($worker) = @_;
  $in_flight++;
  aio_read $file, $offsets[$next++ % @offsets], PAGE, $buffers[$worker], 0, sub {
    die "read $_[0] bytes: $!" if $_[0] != PAGE;
    $in_flight--;
    $done++;
    start($worker) if $more;
  };
}

sub run {
  my ($until) = @_;
  ($done, $more) = (0, 1);
  my @cpu = times;
  my $start = time;
  start($_) for 0 .. $depth - 1;
  while ($in_flight) {
    IO::AIO::poll_wait;
    IO::AIO::poll_cb;
    $more = 0 if time > $start + $until;
  }
  my @now = times;
  return ($done, time - $start, $now[0] + $now[1] - $cpu[0] - $cpu[1]);
}

run 0.05; # Its threads start.
printf "%d %.6f %.6f\n", run $seconds;
