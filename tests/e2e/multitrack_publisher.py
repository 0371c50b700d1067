"""FFmpeg 8 (in PyAV) as a multitrack publisher in real time: two pictures, AAC and AC-3.

``python multitrack_publisher.py URL SECONDS``. In a process of its own: PyAV holds the GIL while it connects.
"""

import sys
import time

import av


def main(url: str, duration_s: float) -> None:
    output = av.open(url, "w", format="flv")
    pictures = [_picture(output, 640, 360), _picture(output, 320, 180)]
    sounds = [output.add_stream(codec, rate=48_000, layout="stereo") for codec in ("aac", "ac3")]
    samples = [0 for _ in sounds]
    begin_s = time.monotonic()
    for number in range(int(duration_s * 25)):
        for stream in pictures:
            frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
            frame.pts = number
            for plane in frame.planes:
                plane.update(bytes((number & 0xFF,)) * plane.buffer_size)
            output.mux(stream.encode(frame))
        for index, stream in enumerate(sounds):
            size = stream.codec_context.frame_size
            while samples[index] / 48_000 < (number + 1) / 25:
                frame = av.AudioFrame("fltp", "stereo", size)
                frame.sample_rate, frame.pts = 48_000, samples[index]
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
                output.mux(stream.encode(frame))
                samples[index] += size
        time.sleep(max(0.0, begin_s + number / 25 - time.monotonic()))
    for stream in (*pictures, *sounds):
        output.mux(stream.encode(None))
    output.close()


def _picture(output, width, height):  # type: ignore[no-untyped-def]
    options = {"preset": "ultrafast", "tune": "zerolatency", "g": "50"}
    stream = output.add_stream("libx264", rate=25, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    return stream


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
